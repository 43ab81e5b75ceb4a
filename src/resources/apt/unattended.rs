//! Upgrades that the host makes by itself.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::Id;
use crate::desired::Ref;
use crate::language::scalar::{Line, Reboot, optional};
use crate::language::{Problem, Render};
use crate::managed::announced::{What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// Upgrades that the host makes by itself, once a day, of what the package `unattended-upgrades` has upgraded: what
/// mends security.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnattendedUpgrades {
    /// Whether the host starts anew when an upgrade needs it, or at which time: `true`, `false`, `02:00`; `false` unless
    /// given.
    #[serde(default, deserialize_with = "optional")]
    automatic_reboot: Option<Reboot>,
    /// Who gets mail of what was upgraded and what failed; the host needs something that sends it.
    #[serde(default, deserialize_with = "optional")]
    mail: Option<Line>,
}

/// What apt reads last counts: the package's own files stay as they are.
const PATH: &str = "/etc/apt/apt.conf.d/60hostwright-unattended-upgrades";
const ID: &str = "unattended_upgrades";
const PACKAGE: &str = "unattended-upgrades";

/// What runs them.
const TIMERS: [&str; 2] = ["apt-daily.timer", "apt-daily-upgrade.timer"];

impl UnattendedUpgrades {
    /// Says what it needs while units can still be asked for: systemd's kind comes before apt's.
    pub(super) fn announce(&self, cx: &mut Render<'_>) {
        let id = Id::new("apt", ID);
        stands(cx, PATH, What::File(None));
        cx.needs_package(PACKAGE, id.as_str());
        for timer in TIMERS {
            cx.needs_unit(timer, PACKAGE, id.as_str());
        }
    }

    pub(super) fn render(&self, cx: &mut Render<'_>) -> Result<(), Problem> {
        let mut text = format!(
            "// Managed by hostwright ({}): changes made here are undone by the next apply.\n",
            cx.document.name
        );
        let mut line = |name: &str, value: &str| text += &format!("{name} \"{value}\";\n");
        line("APT::Periodic::Update-Package-Lists", "1");
        line("APT::Periodic::Unattended-Upgrade", "1");
        let reboot = self.automatic_reboot.as_ref().map_or("false", |reboot| &reboot.0);
        match ["true", "false"].contains(&reboot) {
            true => line("Unattended-Upgrade::Automatic-Reboot", reboot),
            false => {
                line("Unattended-Upgrade::Automatic-Reboot", "true");
                line("Unattended-Upgrade::Automatic-Reboot-Time", reboot);
            }
        }
        if let Some(mail) = &self.mail {
            if mail.0.contains(['"', '\\', ' ']) {
                return Err(Problem::new(
                    format!("`{mail}` is not an address of mail"),
                    "write `admin@example.com`, or a user of the host",
                ));
            }
            line("Unattended-Upgrade::Mail", &mail.0);
        }
        let file = ManagedFile::new(PATH, cx.content(text.into_bytes()));
        cx.push(Plain {
            id: Id::new("apt", ID),
            file,
        });
        Ok(())
    }

    /// What of `/etc/apt` comes after packages, and not before them.
    pub(super) fn is_own(source: &Ref) -> bool {
        *source == Ref::Path(PATH.into())
    }
}
