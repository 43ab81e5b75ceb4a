//! Both readers, and what their settings mean.

use std::path::Path;

use super::*;

fn local() -> Local {
    Local {
        home: "/home/ann".into(),
        user: "ann".into(),
    }
}

fn options() -> Options {
    Options {
        agent: Some("/run/agent".into()),
        ..Options::default()
    }
}

fn means(target: &str, settings: &[Setting], options: &Options) -> Result<Resolved, String> {
    let target = target.parse().expect("a target");
    let resolved = Settings(settings).resolve(&target, options, &local());
    resolved.map_err(|error| error.to_string())
}

/// Without the program `ssh`.
fn by_us(target: &str, config: &str) -> Result<Resolved, String> {
    let host = target.parse::<Target>().expect("a target").host;
    let settings = file::read(config, Path::new("c"), &host).map_err(|error| error.to_string())?;
    means(target, &settings, &options())
}

const CONFIG: &str = "\
Host \"web\" \"db\"
  HostName=%h.example.net
  User deploy
  Port 2222
  IdentityFile \"~/.ssh/%r@%h\"
  IdentityFile = /keys/common  # for all
  ForwardAgent /run/agent.sock
  AddKeysToAgent confirm
  ServerAliveInterval 1m
  UserKnownHostsFile ~/one /two
  StrictHostKeyChecking accept-new
  HostKeyAlias farm
  ConnectTimeout 60
  AddressFamily inet6
  BindAddress ::1
  BindInterface eth1
  CertificateFile ~/.ssh/ca.pub
  PreferredAuthentications password,hostbased,publickey
  NumberOfPasswordPrompts 1
  BatchMode yes
  Ciphers aes128-ctr,unheard-of
  HashKnownHosts yes
  CheckHostIP yes
  ProxyJump ops@gate:2222,ssh://inner
Host * !db
  User common
  HostName other
";

#[test]
fn the_configuration_fills_what_the_target_leaves_open() {
    let expected = Resolved {
        host_name: "web.example.net".into(),
        port: 2222,
        user: "deploy".into(),
        identities: Some(vec![
            "/home/ann/.ssh/deploy@web.example.net".into(),
            "/keys/common".into(),
        ]),
        identities_only: false,
        agent: Some("/run/agent".into()),
        known_hosts: vec![
            "/home/ann/one".into(),
            "/two".into(),
            "/etc/ssh/ssh_known_hosts".into(),
            "/etc/ssh/ssh_known_hosts2".into(),
        ],
        learns_in: Some("/home/ann/one".into()),
        revoked: Vec::new(),
        certificates: vec!["/home/ann/.ssh/ca.pub".into()],
        methods: vec![MethodKind::Password, MethodKind::PublicKey],
        prompts: 1,
        batch: true,
        algorithms: Algorithms {
            ciphers: Some(vec!["aes128-ctr".into()]),
            ..Algorithms::default()
        },
        hashes_names: true,
        checks_address: false,
        strict: false,
        interface: Some("eth1".into()),
        proxy: Some(Proxy::Jumps(vec![
            "ops@gate:2222".parse().expect("a target"),
            "inner".parse().expect("a target"),
        ])),
        known_as: Some("farm".into()),
        accept_new: true,
        trusts_anyone: false,
        connect_timeout: Duration::from_secs(60),
        keepalive: Duration::from_secs(60),
        keepalives: 3,
        family: Family::V6,
        from: Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
    };
    assert_eq!(by_us("web", CONFIG), Ok(expected));
    let other = by_us("another", CONFIG).expect("resolved");
    assert_eq!(
        (other.user.as_str(), other.host_name.as_str()),
        ("common", "other")
    );
    let db = by_us("root@db:22", CONFIG).expect("resolved");
    assert_eq!((db.user.as_str(), db.port), ("root", 22));
}

#[test]
fn without_a_configuration_the_defaults_stand() {
    let bare = by_us("web", "").expect("resolved");
    assert_eq!(
        (bare.user.as_str(), bare.port, bare.host_name.as_str()),
        ("ann", 22, "web")
    );
    assert_eq!(bare.identities, None);
    assert_eq!(bare.known_hosts[0], Path::new("/home/ann/.ssh/known_hosts"));
    assert!(!bare.accept_new);
}

#[test]
fn what_is_not_followed_is_refused_by_its_place() {
    for (config, words) in [
        (
            "Host web\n Port 2222\nMatch host web\n User evil\n",
            "c:3: `Match`",
        ),
        (
            "Host db\nMatch all\nKnownHostsCommand /x\n",
            "`KnownHostsCommand /x` for web (c:3)",
        ),
        ("ProxyCommand nc %C\n", "`proxycommand nc %C` for web (c:1)"),
        ("ProxyJump a,b:x\n", "`proxyjump a,b:x` for web (c:1)"),
        (
            "RevokedHostKeys ~bob/x\n",
            "`revokedhostkeys ~bob/x` for web (c:1)",
        ),
        ("Ciphers arcfour,none\n", "`Ciphers arcfour,none` for web (c:1)"),
        ("BindAddress eth0\n", "`BindAddress eth0` for web (c:1)"),
        ("\nInclude config.d/*\n", "c:2: `include`"),
        ("CanonicalizeHostname yes\n", "c:1: `canonicalizehostname`"),
        ("Port many\n", "`port many` for web (c:1)"),
        ("IdentityFile ~/%C\n", "`identityfile ~/%C` for web (c:1)"),
        (
            "UserKnownHostsFile ~bob/x\n",
            "`userknownhostsfile ~bob/x` for web (c:1)",
        ),
        ("User \"ann\n", "c:1: a quote has no end"),
        ("Host\n", "c:1: `host` has no value"),
    ] {
        let refused = by_us("web", config).expect_err(config);
        assert!(refused.contains(words), "{words} in {refused}");
    }
    for config in [
        "Host db\n ProxyJump gate\n Include x\n UnheardOf yes\n",
        "ProxyJump none\nProxyCommand nc %h %p\n",
        "ProxyCommand none\nProxyJump gate\n",
        "SendEnv LANG LC_*\nHashKnownHosts yes\n",
    ] {
        let web = by_us("web", config).expect(config);
        assert_eq!((web.host_name.as_str(), web.proxy), ("web", None));
    }
}

#[test]
fn a_command_is_one_line_for_a_shell() {
    let web = by_us("ann@web:2222", "ProxyCommand = nc -x \"a b\" %h %p %% $X ~\n").expect("resolved");
    let command = "nc -x \"a b\" web 2222 % $X ~".to_owned();
    assert_eq!(web.proxy, Some(Proxy::Command(command)));
}

#[test]
fn what_ssh_prints_is_read() {
    let usual = "serveraliveinterval 0\nconnecttimeout none\nhostname web\nuser ann\nport 22\n";
    let settings = openssh::read(
        "host web\nuser deploy\nhostname web.example.net\nport 44\nidentityfile ~/.ssh/a b\n\
         identityagent none\nuserknownhostsfile /a /b\nglobalknownhostsfile none\nconnecttimeout none\n\
         serveraliveinterval 0\nstricthostkeychecking false\naddressfamily inet\nidentitiesonly yes\n",
        usual,
    );
    let without = Options::default();
    let web = means("web", &settings, &without).expect("resolved");
    assert_eq!((web.user.as_str(), web.port), ("deploy", 44));
    assert_eq!(web.identities, Some(vec!["/home/ann/.ssh/a b".into()]));
    assert_eq!(
        (web.agent, web.identities_only, web.family),
        (None, true, Family::V4)
    );
    assert_eq!(web.known_hosts, ["/a", "/b"].map(PathBuf::from));
    assert_eq!((web.connect_timeout, web.keepalive), (CONNECT_TIMEOUT, KEEPALIVE));
    assert!(web.trusts_anyone && !web.accept_new);
    let listed = "userknownhostsfile /root/.ssh/known_hosts /root/.ssh/known_hosts2\n";
    let web = means("web", &openssh::read(listed, listed), &without).expect("resolved");
    assert_eq!(web.known_hosts[0], Path::new("/home/ann/.ssh/known_hosts"));
    let refused = |text: &str, usual: &str| {
        let settings = openssh::read(text, usual);
        means("web", &settings, &without).map(|_| ())
    };
    // By default, and when somebody wrote it.
    let (usual, own) = ("unheardof no\nciphers arcfour\n", "unheardof yes\n");
    assert_eq!(refused(usual, usual), Ok(()));
    let error = refused(own, usual).expect_err("unheard of");
    assert!(
        error.contains("`unheardof yes` for web (`ssh -G web` shows it)"),
        "{error}"
    );
    assert!(refused("ciphers arcfour\n", "").is_err());
}

#[test]
fn the_keys_that_nobody_named_are_told_from_those_that_somebody_did() {
    let keys = |text: &str| {
        let usual = "identityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_dsa\n";
        let settings = openssh::read(text, usual);
        means("web", &settings, &options()).expect("resolved").identities
    };
    assert_eq!(
        keys("identityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_dsa\n"),
        None
    );
    assert_eq!(keys("identityfile ~/.ssh/id_rsa\n").expect("named").len(), 1);
    let named = keys("identityfile ~/.ssh/id_rsa\nidentityfile ~/work\n").expect("named");
    assert_eq!(named.len(), 2);
    assert_eq!(keys("identityfile none\n"), Some(vec![]));
}

#[test]
fn times_are_those_of_sshd_config() {
    assert_eq!(seconds("90"), Some(90));
    assert_eq!(seconds("1h30m5"), Some(5405));
    for wrong in ["", "m", "1x", "99999999999", "4294967295m"] {
        assert_eq!(seconds(wrong), None, "{wrong}");
    }
}
