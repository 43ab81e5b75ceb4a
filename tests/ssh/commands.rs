//! Commands on a connection: input, output, status, and several at once.

use hostwright::host::ssh::{Event, Script};
use ring::digest::{SHA256, digest};

use crate::soon;
use crate::sshd::{self, Sshd};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gets_its_input_and_gives_output_and_status() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    assert_eq!(
        (connection.user(), connection.reached().to_string()),
        ("root", format!("127.0.0.1:{}", sshd.port))
    );
    assert_eq!(connection.host(), format!("127.0.0.1:{}", sshd.port));
    let output = soon(connection.output(Script::fed("cat; echo err >&2; exit 3", b"in".to_vec())))
        .await
        .unwrap();
    assert_eq!(
        (output.status, &output.stdout[..], &output.stderr[..]),
        (3, &b"in"[..], &b"err\n"[..])
    );
    let killed = soon(connection.output(Script::open("kill -9 $$"))).await.unwrap();
    assert_eq!(killed.status, 128 + 9);
    connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_come_back_whole() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    // Numbers, so that a chunk lost, doubled or moved changes the sum.
    let sent: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    let output = soon(connection.output(Script::fed("cat", sent.clone())))
        .await
        .unwrap();
    assert_eq!(output.stdout.len(), sent.len());
    assert_eq!(
        digest(&SHA256, &output.stdout).as_ref(),
        digest(&SHA256, &sent).as_ref()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn much_input_waits_for_a_command_that_first_prints_much() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    let command = "head -c 50000000 /dev/zero; wc -c >&2";
    let output = soon(connection.output(Script::fed(command, vec![7; 50_000_000])))
        .await
        .unwrap();
    assert_eq!(output.stdout.len(), 50_000_000);
    assert_eq!(output.stderr, b"50000000\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_nobody_reads_does_not_hold_up_the_end() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    let output = soon(connection.output(Script::fed("exit 4", vec![7; 50_000_000])))
        .await
        .unwrap();
    assert_eq!(output.status, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_side_by_side_and_the_ninth_waits() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    let fifo = sshd.path("fifo");
    let (read, write) = (
        format!("mkfifo {0}; cat {0}", fifo.display()),
        format!("until test -p {0}; do :; done; echo met > {0}", fifo.display()),
    );
    // Each of the two ends only once the other runs.
    let (reader, writer) = soon(async {
        tokio::join!(
            connection.output(Script::open(read)),
            connection.output(Script::open(write))
        )
    })
    .await;
    assert_eq!(
        (reader.unwrap().stdout, writer.unwrap().status),
        (b"met\n".to_vec(), 0)
    );

    // More than the 10 sessions that sshd allows.
    let mut execs = Vec::new();
    soon(async {
        for n in 0..24 {
            execs.push(connection.exec(Script::open(format!("echo {n}"))).await.unwrap());
        }
        for (n, exec) in execs.into_iter().enumerate() {
            assert_eq!(exec.output().await.unwrap().stdout, format!("{n}\n").into_bytes());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_nobody_reads_holds_up_no_other_command() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    let unread = connection
        .exec(Script::open("head -c 50000000 /dev/zero"))
        .await
        .unwrap();
    assert_eq!(
        soon(connection.output(Script::open("echo here")))
            .await
            .unwrap()
            .stdout,
        b"here\n"
    );
    assert_eq!(soon(unread.output()).await.unwrap().stdout.len(), 50_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_silent_command_makes_room_for_another() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    let mut pids = Vec::new();
    soon(async {
        // One more than run at once, and one less than sshd allows.
        for _ in 0..9 {
            let mut exec = connection
                .exec(Script::open("echo $$; exec sleep 600"))
                .await
                .unwrap();
            let Some(Event::Stdout(pid)) = exec.next().await.unwrap() else {
                panic!("no pid")
            };
            pids.push(String::from_utf8(pid).unwrap());
        }
    })
    .await;
    pids.iter().for_each(|pid| sshd::kill(pid.trim()));
}
