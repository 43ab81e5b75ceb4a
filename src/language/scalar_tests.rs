use super::*;
use proptest::prelude::*;

#[test]
fn the_field_decides_what_a_text_means() {
    assert_eq!("755".parse::<Mode>().map(|mode| mode.0), Ok("0755".into()));
    assert_eq!("0640".parse::<Mode>().map(|mode| mode.0), Ok("0640".into()));
    assert!("0o644".parse::<Mode>().is_err());
    assert!("888".parse::<Mode>().is_err());
    assert!(
        "no".parse::<Flag>()
            .expect_err("not a flag")
            .contains("write `true` or `false`")
    );
    assert!("0".parse::<Port>().is_err());
    assert_eq!("/opt//".parse::<AbsPath>().map(|path| path.0), Ok("/opt".into()));
    assert!("/opt/../etc".parse::<AbsPath>().is_err());
    assert_eq!("5m".parse::<Duration>().map(|time| time.0), Ok(300));
    assert_eq!("30d".parse::<Duration>().map(|time| time.0), Ok(2_592_000));
    assert!("5".parse::<Duration>().is_err());
    for (text, fits) in [
        ("all", true),
        ("203.0.113.7", true),
        ("10.0.0.0/8", true),
        ("2001:db8::/32", true),
        ("10.0.0.0/33", false),
        ("10.0.0/8", false),
        ("10.0.0.0/", false),
        ("host", false),
    ] {
        assert_eq!(text.parse::<Network>().is_ok(), fits, "{text}");
    }
    for (text, fits) in [
        ("https://example.com$request_uri", true),
        ("/new", true),
        ("example.com", false),
        ("https://", false),
        ("https://a; b", false),
    ] {
        assert_eq!(text.parse::<Url>().is_ok(), fits, "{text}");
    }
    for (text, fits) in [
        ("/a/", true),
        ("a", false),
        ("/a b", false),
        ("/$a", false),
        ("/a{", false),
    ] {
        assert_eq!(text.parse::<UrlPath>().is_ok(), fits, "{text}");
        assert_eq!(text.parse::<LocationPath>().is_ok(), fits, "{text}");
    }
    for text in ["= /a", "=/a"] {
        let path = text.parse::<LocationPath>().map(|path| path.0);
        assert_eq!(path.as_deref(), Ok("= /a"), "{text}");
    }
    assert!("=  /a".parse::<LocationPath>().is_err());
    assert!("= a".parse::<LocationPath>().is_err());
    assert!("é".parse::<Duration>().is_err());
    assert!("example.com".parse::<Domain>().is_ok());
    assert!("-x.com".parse::<Domain>().is_err());
    assert!("127.0.0.1".parse::<Address>().is_err());
    for (text, fits) in [
        ("127.0.0.1:8080", true),
        ("web", true),
        ("app.internal:80", true),
        ("https://api.example.com", true),
        ("https://10.0.0.1:8443", true),
        ("https://a/b", false),
        ("unix:/run/app.sock", true),
        ("unix:/run/a b", false),
        ("unix:run/app.sock", false),
        ("127.0.0.1", false),
        ("localhost", false),
        ("a b", false),
    ] {
        assert_eq!(text.parse::<Upstream>().is_ok(), fits, "{text}");
    }
    for (text, fits) in [
        ("example.com", true),
        ("*.example.com", true),
        ("intranet", true),
        ("*", false),
        ("a.*.b", false),
        ("-a", false),
    ] {
        assert_eq!(text.parse::<ServerName>().is_ok(), fits, "{text}");
    }
    for (text, fits) in [
        ("tcp", true),
        ("/health?deep=1", true),
        ("health", false),
        ("/a b", false),
    ] {
        assert_eq!(text.parse::<Ready>().is_ok(), fits, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_scalar_panic(text in ".{0,24}") {
        let _ = (text.parse::<Mode>(), text.parse::<AbsPath>(), text.parse::<Port>());
        let _ = (text.parse::<Duration>(), text.parse::<Address>(), text.parse::<Domain>());
        let _ = text.parse::<Schedule>();
    }

    #[test]
    fn a_path_is_absolute_and_plain(text in "[/a-z. ]{0,20}") {
        if let Ok(path) = text.parse::<AbsPath>() {
            prop_assert!(path.0.starts_with('/') && !path.0.contains("//") && !path.0.contains("/../"));
        }
    }
}
