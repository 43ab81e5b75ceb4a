//! Hosts as providers hand them out: Debian 12 and 13, and what Ubuntu makes of the latter.

use hostwright::host::rehearsal::{Base, Image, image};

use crate::host::base;

/// Debian 13, bare.
fn trixie() -> Option<Image> {
    base()?;
    let base = Base::of_this_machine()
        .expect("this machine's release")
        .with_suite("trixie");
    Some(image(&base, &mut |line| eprintln!("{line}")).expect("the image of Debian 13"))
}

const APT: &str = "export DEBIAN_FRONTEND=noninteractive\napt-get -qq update\n";

/// Ubuntu's user, root's key that only says so, its form of ssh.socket, what hooks into apt there, and ufw on.
const UBUNTU: &str = r#"apt-get -qq -y --no-install-recommends install needrestart unattended-upgrades ufw curl
useradd -m -s /bin/bash -G sudo ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/90-cloud-init-users
sed -i 's/^PRETTY_NAME=.*/PRETTY_NAME="Ubuntu VERSION LTS"/; s/^ID=.*/ID=ubuntu\nID_LIKE=debian/; s/^VERSION_ID=.*/VERSION_ID="VERSION"/' /etc/os-release
mkdir -p /etc/systemd/system-generators /etc/systemd/system/ssh.service.requires
cat >/etc/systemd/system-generators/sshd-socket-generator <<'END'
#!/bin/sh
ports=$(awk '/^Port/ { print "ListenStream=" $2 }' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf)
mkdir -p "$1/ssh.socket.d"
[ -z "$ports" ] || printf '[Socket]\nListenStream=\n%s\n' "$ports" >"$1/ssh.socket.d/addresses.conf"
END
chmod +x /etc/systemd/system-generators/sshd-socket-generator
ln -s /lib/systemd/system/ssh.socket /etc/systemd/system/ssh.service.requires/
systemctl disable -q ssh.service
systemctl enable -q ssh.socket
ufw allow 22/tcp >/dev/null
sed -i s/ENABLED=no/ENABLED=yes/ /etc/ufw/ufw.conf
"#;

/// sudo and the coreutils of Ubuntu 25.10 and later.
const RUST: &str = "apt-get -qq -y --no-install-recommends install sudo-rs rust-coreutils
dpkg-divert --quiet --rename --divert /usr/bin/sudo.ws --add /usr/bin/sudo
ln -s sudo-rs /usr/bin/sudo
for tool in /usr/lib/cargo/bin/coreutils/*; do ln -s \"$tool\" /usr/local/bin/; done
";

/// A host of the matrix: its name, its image, and the user that a provider gives.
pub fn all() -> Vec<(&'static str, Image, &'static str)> {
    let (Some(bookworm), Some(trixie)) = (base(), trixie()) else {
        return Vec::new();
    };
    let derive = |image: &Image, name: &str, script: String| {
        let derived = image.derive(name, &format!("{APT}{script}"), &mut |line| eprintln!("{line}"));
        derived.expect("the image")
    };
    let noble = derive(&trixie, "ubuntu-24.04-like", UBUNTU.replace("VERSION", "24.04"));
    let resolute = derive(
        &trixie,
        "ubuntu-26.04-like",
        UBUNTU.replace("VERSION", "26.04") + RUST,
    );
    vec![
        ("Debian 12", bookworm, "root"),
        ("Debian 13", trixie, "root"),
        ("Ubuntu-24.04-like", noble, "ubuntu"),
        ("Ubuntu-26.04-like", resolute, "ubuntu"),
    ]
}
