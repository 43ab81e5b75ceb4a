//! What cloud-init is told on a machine's first boot.

use serde_json::json;

use super::secrets::HostKey;

/// Gives the machine its host key and lets the owners of `authorized` in as root, by key only. A cloud-config file is
/// YAML, of which JSON is a part (cloud-init, "User-data formats").
pub fn user_data(host_key: &HostKey, authorized: &[String]) -> String {
    let config = json!({
        // The one key there is: whoever shows another is not this machine.
        "ssh_keys": { "ed25519_private": host_key.private, "ed25519_public": host_key.public },
        "ssh_authorized_keys": authorized,
        // Images of many clouds let root in only to say another name.
        "disable_root": false,
        // And nobody guesses a password.
        "ssh_pwauth": false,
    });
    format!("#cloud-config\n{config:#}\n")
}

/// What takes its place once the machine is up: nothing secret.
pub(super) const FORGOTTEN: &str = "#cloud-config\n{}\n";
