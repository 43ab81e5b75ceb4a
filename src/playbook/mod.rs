//! The whole playbook: the list of kinds, loading and rendering.

mod age;
pub mod bundle;
pub mod head;
pub mod load;
mod merge;
mod parts;
#[cfg(test)]
mod parts_tests;
pub mod render;
mod secrets;
mod sections;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use self::head::{Include, RehearsalOptions, SecretSource, Var};
use crate::checks::Checks;
use crate::language::scalar::{Count, Name, optional};
use crate::language::{AtPath, Named, Ordered, Placed, Section};
use crate::resources::{
    absent, apt, backup, binary, block, certificate, command, cron, directory, file, group, hostname, hosts,
    jail, line, link, locale, logrotate, module, mount, nginx, supervisor, supervisor_group, swap, sysctl,
    systemd, timezone, ufw, user,
};

/// Declares the kinds, in the order in which they are applied where nothing else orders them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $section:ident: $declaration:ty,)*) => {
        /// A playbook: what a host should be.
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct Playbook {
            /// The playbook's name: it marks what the playbook puts on a host.
            pub name: Name,
            /// Values that `${name}` and templates may use. `--set` and `--vars` change them.
            #[serde(default)]
            pub vars: IndexMap<Name, Var>,
            /// Values that are never shown, from this machine's environment, files or commands, or from encrypted files.
            #[serde(default)]
            pub secrets: IndexMap<Name, SecretSource>,
            /// How many generations of it a host keeps; 20 unless given.
            #[serde(default, deserialize_with = "optional")]
            pub keep: Option<Count>,
            /// What a rehearsal does otherwise.
            #[serde(default)]
            pub rehearsal: RehearsalOptions,
            /// Other playbooks, by a name for each, whose declarations are part of this one's.
            #[serde(default)]
            pub include: IndexMap<Name, Placed<Include>>,
            $($(#[$doc])* #[serde(default)] pub $section: $declaration,)*
            /// What must answer when everything is in place.
            #[serde(default)]
            pub checks: Checks,
        }

        impl Playbook {
            /// The sections and their names, in the order of the kinds.
            pub fn sections(&self) -> Vec<(&'static str, &dyn Section)> {
                vec![$((stringify!($section), &self.$section)),*]
            }
        }
    };
}

kinds! {
    /// apt packages.
    apt: Placed<Ordered<apt::Apt>>,
    /// Groups, by name.
    groups: Named<group::Group>,
    /// Users, by name.
    users: Named<user::User>,
    /// Directories, by path.
    directories: AtPath<directory::Directory>,
    /// Files, by path.
    files: AtPath<file::File>,
    /// Symbolic links, by path.
    links: AtPath<link::Link>,
    /// Paths at which nothing may stand: a list of them, or a mapping of each to `{}` or `{ after: [ID] }`. What stood
    /// there is kept with the run that took it.
    absent: absent::Absent,
    /// Single lines of files that others own, by name.
    lines: Named<line::FileLine>,
    /// Marked blocks in files that others own, by name.
    blocks: Named<block::Block>,
    /// The host's name.
    hostname: hostname::Hostname,
    /// Entries of `/etc/hosts`, by address.
    hosts: hosts::Hosts,
    /// The time zone: `Europe/Berlin`.
    timezone: timezone::Timezone,
    /// The language and its conventions (`LANG`): `de_DE.UTF-8`.
    locale: locale::Locale,
    /// Kernel modules, by name: loaded now and at every start.
    modules: Named<module::Module>,
    /// The kernel's values, by key: `net.ipv4.ip_forward: 1`.
    sysctl: sysctl::Sysctl,
    /// File systems in `/etc/fstab`, by the path where they are mounted.
    mounts: AtPath<mount::Mount>,
    /// Swap files, by path.
    swap: AtPath<swap::Swap>,
    /// Compiled programs, by name, installed by release.
    binaries: Named<binary::Binary>,
    /// systemd units, by name.
    systemd: systemd::Units,
    /// Programs that supervisor runs, by name.
    supervisor: supervisor::Programs,
    /// Groups of programs that supervisor runs, by name.
    supervisor_groups: Named<supervisor_group::Group>,
    /// The firewall.
    ufw: Placed<Ordered<ufw::Ufw>>,
    /// fail2ban's jails, by name.
    fail2ban: Named<jail::Jail>,
    /// nginx sites, by name.
    nginx: Named<nginx::Site>,
    /// TLS certificates, from an ACME authority or your own, by name.
    certificates: Named<certificate::Certificate>,
    /// Backups, by name.
    backups: Named<backup::Backup>,
    /// What cron runs, by name.
    cron: Named<cron::Job>,
    /// Log rotation, by name.
    logrotate: Named<logrotate::Rotation>,
    /// The escape hatch: commands that say themselves when they are needed.
    commands: Named<command::Command>,
}

/// The JSON schema of a playbook.
pub fn schema() -> Schema {
    let mut schema = schemars::schema_for!(Playbook).to_value();
    sections::complete(&mut schema);
    Schema::try_from(schema).unwrap_or_default()
}
