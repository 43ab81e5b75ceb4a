//! Steps that wait for their proof when the power goes.

use super::*;

/// A step that replaces a secret, makes and takes away directories, and waits for its proof.
fn under_proof(root: &Root) -> Change {
    let remove = Action::Remove {
        path: root.path("tree"),
        secret: false,
    };
    let mut change = change([
        root.write("token", "new", true),
        root.write("made/here", "new", false),
        remove,
        Action::ConfirmAccess { seconds: 60 },
    ]);
    change.recover = Some(format!("set -e; echo again >>{}", root.path("base/recovered")));
    change
}

fn before_proof() -> Root {
    let root = Root::new();
    fs::write(root.path("token"), "old").expect("written");
    fs::create_dir(root.path("tree")).expect("made");
    fs::write(root.path("tree/file"), "x").expect("written");
    root
}

#[test]
fn a_step_cut_off_before_its_proof_is_undone_at_the_next_boot() {
    let root = before_proof();
    let before = root.tree();
    root.cut_off("1", &[under_proof(&root)]);
    assert_ne!(root.tree(), before);
    let command = root.at_boot().expect("armed");
    assert_eq!(
        command,
        format!("/bin/sh {} undo 1", root.path("base/runs/1/program"))
    );
    for _ in 0..2 {
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.expect("sh runs").success());
        let journal = root.journal("1");
        assert_eq!(root.tree(), before, "{journal}");
        assert_eq!(root.at_boot(), None);
        assert!(
            journal.contains("\n@token failed 1 ") && journal.contains("\n@token end failed "),
            "{journal}"
        );
        let recovered = fs::read_to_string(root.path("base/recovered"));
        assert_eq!(recovered.expect("recovered"), "again\n");
        assert!(!Path::new(&root.path("base/current")).exists());
        let secret = root.path("base/runs/1/kept/1/1.secret");
        assert!(!Path::new(&secret).exists(), "{secret}");
    }
}

#[test]
fn what_was_proven_is_not_undone_at_the_next_boot() {
    for next in ["boot", "run"] {
        let root = before_proof();
        root.cut_off("1", &[under_proof(&root)]);
        let (after, command) = (root.tree(), root.at_boot().expect("armed"));
        if next == "boot" {
            // The connection got in, and then the power went.
            fs::write(root.path("base/runs/1/confirmed"), "").expect("written");
            let status = Command::new("sh").args(["-c", &command]).status();
            assert!(status.expect("sh runs").success());
        } else {
            // Whoever starts another run got in.
            root.run("2", &[]);
        }
        assert_eq!(root.tree(), after);
        assert_eq!(root.at_boot(), None);
    }
    // A run to its end leaves nothing behind.
    let root = before_proof();
    let confirmed = root.path("base/runs/1/confirmed");
    let journal = root.path("base/runs/1/journal");
    let mut change = under_proof(&root);
    change.actions = vec![
        root.write("token", "new", true),
        Action::Shell(format!(
            "(until grep -q 'confirm 1' {journal}; do :; done; : >{confirmed}) &"
        )),
        Action::ConfirmAccess { seconds: 60 },
    ];
    let journal = root.run("1", &[change]);
    assert!(journal.contains("@token end ok "), "{journal}");
    assert_eq!(root.at_boot(), None);
    assert_eq!(fs::read_to_string(root.path("token")).expect("there"), "new");
}
