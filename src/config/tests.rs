use super::*;
use std::fs;

/// Reads one text as if it were a file called `server.hcl`.
fn read(text: &str) -> Result<(Config, Vec<String>)> {
    let mut config = Config::default();
    let warnings = merge(&mut config, Path::new("server.hcl"), text)?;
    watching::finish(&mut config);
    config.check()?;
    Ok((config, warnings.iter().map(ToString::to_string).collect()))
}

fn error_of(text: &str) -> String {
    read(text).map_or_else(|error| error.to_string(), |(config, _)| format!("{config:?}"))
}

#[test]
fn a_whole_configuration_is_read() {
    let text = r#"
        storage "sqlite" { path = "data.db" }
        listener "tcp" { address = "0.0.0.0:8200" tls_disable = 1 max_request_size = "1024" max_request_duration = "30s" }
        listener "tcp" {
          address = "[::1]:8300"
          tls_cert_file = "c.pem"
          tls_key_file = "k.pem"
          tls_client_ca_file = "ca.pem"
          tls_require_and_verify_client_cert = "true"
          tls_min_version = "tls13"
        }
        default_lease_ttl = "1h"
        max_lease_ttl = 86400
        api_addr = "https://vault.example:8200"
        cluster_name = "one"
        log_level = "Debug"
        log_format = "json"
        pid_file = "run/pid"
        ui = true
        disable_mlock = "1"
        deny_slash_in_templated_paths = false
        audit_directory = "audit"
        audit_directories = ["/var/log/a", "b"]
    "#;
    let (config, warnings) = read(text).unwrap();
    let noted = |key: &str| warnings.iter().any(|warning| warning.contains(&format!("{key} has no effect here")));
    assert!(warnings.len() == 2 && noted("ui") && noted("disable_mlock"), "{warnings:?}");
    assert_eq!(config.storage, Some(Storage::Sqlite { path: "data.db".into() }));
    assert_eq!(config.default_lease_ttl, Duration::from_secs(3600));
    assert_eq!(config.max_lease_ttl, Duration::from_secs(86_400));
    assert_eq!(config.api_addr.as_deref(), Some("https://vault.example:8200"));
    assert_eq!(config.cluster_name.as_deref(), Some("one"));
    assert_eq!((config.log_level, config.log_format), (log::LevelFilter::Debug, LogFormat::Json));
    assert_eq!(config.pid_file.as_deref(), Some(Path::new("run/pid")));
    assert!(!config.deny_slash_in_templated_paths && Config::default().deny_slash_in_templated_paths);
    assert_eq!(config.audit_directories, ["audit", "/var/log/a", "b"].map(PathBuf::from));
    let [plain, tls] = config.listeners.as_slice() else { unreachable!("two listeners were written") };
    assert_eq!(
        (plain.address.to_string(), &plain.tls, plain.max_request_size),
        ("0.0.0.0:8200".to_owned(), &None, 1024)
    );
    assert_eq!(plain.max_request_duration, Duration::from_secs(30));
    assert_eq!(
        tls.tls,
        Some(TlsConfig {
            cert_file: "c.pem".into(),
            key_file: "k.pem".into(),
            auto: false,
            auto_dir: None,
            min_version: TlsVersion::Tls13,
            max_version: TlsVersion::Tls13,
            cipher_suites: Vec::new(),
            client_certificates: ClientCertificates::Required,
            client_ca_file: Some("ca.pem".into()),
        })
    );
}

#[test]
fn how_a_server_is_watched_is_read() {
    let text = r#"
        log_rotate_bytes = 1000
        log_file = "/var/log/leasehold/"
        log_rotate_max_files = -1
        log_requests_level = "info"
        telemetry { prometheus_retention_time = "0s" disable_hostname = true }
        listener "tcp" {
            tls_disable = true
            telemetry { unauthenticated_metrics_access = "true" }
            inflight_requests_logging { unauthenticated_in_flight_requests_access = true }
        }
    "#;
    let (config, warnings) = read(text).unwrap();
    assert_eq!(warnings, [""; 0]);
    let every = Duration::from_secs(86_400);
    assert_eq!(
        config.log_file,
        Some(Rotation { path: "/var/log/leasehold/".into(), bytes: Some(1000), every, keep: Some(0) })
    );
    assert_eq!(config.log_requests_level, Some(log::Level::Info));
    assert_eq!(config.telemetry.prometheus_retention_time, Duration::ZERO);
    let listener = &config.listeners[0];
    assert!(listener.unauthenticated_metrics_access && listener.unauthenticated_in_flight_requests_access);
    assert_eq!(read("log_rotate_bytes = 5").unwrap().0.log_file, None, "rotation alone makes no file");
}

#[test]
fn json_says_the_same() {
    let text = r#"{"backend": {"inmem": {}}, "listener": [{"tcp": {"tls_disable": true}}, {"tcp": {"address": "a:1", "tls_disable": "1"}}],
        "max_lease_ttl": "10h", "default_lease_ttl": "10h", "ui": null}"#;
    let (config, warnings) = read(text).unwrap();
    assert_eq!(warnings, [""; 0]);
    assert_eq!(config.storage, Some(Storage::InMemory));
    let addresses: Vec<String> = config.listeners.iter().map(|listener| listener.address.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:8200", "a:1"]);
}

#[test]
fn defaults_hold_where_nothing_is_written() {
    let (config, _) = read("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.max_lease_ttl, Duration::from_secs(768 * 3600));
    assert!(config.required_storage().unwrap_err().to_string().contains("storage \"sqlite\" { path"));
}

#[test]
fn what_is_not_obeyed_is_warned_about() {
    for (text, warning) in [
        ("\n listner \"tcp\" {}", "line 2, column 2: unknown key listner in the configuration; did you mean listener?"),
        ("frobnicate = 1", "line 1, column 1: unknown key frobnicate in the configuration"),
        (
            "max-lease-tll = 1",
            "line 1, column 1: unknown key max-lease-tll in the configuration; did you mean max_lease_ttl?",
        ),
        ("telemetry { x = 1 }", "line 1, column 13: unknown key x in telemetry"),
        (
            "telemetry { statsd_address = \"a:1\" }",
            "line 1, column 13: statsd_address does not apply here: metrics are read from sys/metrics and sent nowhere",
        ),
        ("pid_file = \"a\"\npid_file = \"b\"", "line 2, column 1: pid_file is given twice; the last one counts"),
        ("ui = true", "line 1, column 1: ui has no effect here: there is no web UI yet"),
        (
            "listener \"tcp\" { tls_disable = true adress = \"a:1\" }",
            "line 1, column 37: unknown key adress in listener \"tcp\"; did you mean address?",
        ),
        (
            "listener \"tcp\" { tls_cert_file = \"c\" tls_key_file = \"k\" tls_min_version = \"tls10\" }",
            "line 1, column 57: tls10 is not spoken here; tls12 is taken for it",
        ),
        ("storage \"sqlite\" { path = \"x\" file = 1 }", "line 1, column 31: unknown key file in storage \"sqlite\""),
    ] {
        let (_, warnings) = read(text).unwrap();
        assert_eq!(warnings, [format!("server.hcl: {warning}")], "{text}");
    }
}

#[test]
fn what_cannot_be_obeyed_is_refused() {
    for (text, error) in [
        (
            "storage \"raft\" {}",
            "line 1, column 9: no storage is called \"raft\"; expected \"sqlite\", as in storage \"sqlite\" { path = \"data.db\" }, or \"inmem\"",
        ),
        ("storage \"sqlite\" {}", "line 1, column 9: expected path = \"…\", the file to store in"),
        ("storage \"sqlite\" { path = \"\" }", "line 1, column 27: the path is empty"),
        (
            "storage \"inmem\" {}\nbackend \"sqlite\" { path = \"x\" }",
            "line 2, column 9: there is a storage already; expected one",
        ),
        (
            "seal \"awskms\" {}",
            "line 1, column 6: the seal \"awskms\" is not supported; expected \"static\", \"passphrase\", \"transit\", \"shamir\" or no seal stanza",
        ),
        (
            "listener \"pipe\" {}",
            "line 1, column 10: no listener is called \"pipe\"; expected listener \"tcp\" { … } or listener \"unix\" { … }",
        ),
        ("listener \"unix\" {}", "line 1, column 10: expected address = \"…\", the path of the socket"),
        (
            "listener \"tcp\" {}",
            "line 1, column 10: TLS needs tls_cert_file and tls_key_file; for a certificate of the server's own making write tls_auto = true, for plain HTTP tls_disable = true",
        ),
        (
            "listener \"tcp\" { tls_disable = true address = \"localhost\" }",
            "line 1, column 47: found \"localhost\"; expected host and port, as \"127.0.0.1:8200\"",
        ),
        ("ui = \"maybe\"", "line 1, column 6: found \"maybe\"; expected true or false"),
        ("max_lease_ttl = []", "line 1, column 17: found a list; expected a duration, as \"768h\" or 3600"),
        ("max_lease_ttl = \"1h\"", "default_lease_ttl is larger than max_lease_ttl"),
        ("log_level = \"loud\"", "line 1, column 13: \"loud\" is no log level: use trace, debug, info, warn or error"),
        (
            "log_rotate_max_files = \"many\"",
            "line 1, column 24: found a string; expected a whole number: how many rotated files stay, 0 for all, -1 for none",
        ),
    ] {
        assert_eq!(error_of(text), error, "{text}");
    }
    for clients in ["tls_require_and_verify_client_cert = true", "tls_min_version = \"ssl3\"", "purpose = \"x\""] {
        let text = format!("listener \"tcp\" {{ tls_cert_file = \"c\" tls_key_file = \"k\" {clients} }}");
        assert!(read(&text).is_err(), "{text}");
    }
    assert!(read("listener \"tcp\" { tls_disable = 1 tls_require_and_verify_client_cert = 1 }").is_err());
}

/// The one listener of `listener "tcp" { … }` with these keys, in plain HTTP.
fn plain_with(keys: &str) -> Result<ListenerConfig> {
    read(&format!("listener \"tcp\" {{ tls_disable = true\n{keys} }}")).map(|(config, _)| config.listeners[0].clone())
}

#[test]
fn what_a_listener_is_told_of_proxies_and_limits_is_read() {
    let listener = plain_with(
        "x_forwarded_for_authorized_addrs = \"10.0.0.0/8, 192.0.2.1\"\nx_forwarded_for_hop_skips = 1\n\
         x_forwarded_for_reject_not_present = false\nproxy_protocol_behavior = \"use_always\"\nmax_connections = 10\n\
         max_in_flight_requests = 5\nmax_json_depth = 7\nmax_json_token = \"9\"",
    )
    .unwrap();
    let forwarded = listener.forwarded.unwrap();
    assert_eq!((forwarded.authorized.len(), forwarded.hop_skips), (2, 1));
    assert!(forwarded.reject_not_authorized && !forwarded.reject_not_present);
    assert_eq!(listener.proxy_protocol.unwrap().behavior, ProxyBehavior::UseAlways);
    assert_eq!((listener.max_connections, listener.max_in_flight_requests), (10, 5));
    assert_eq!((listener.json.depth, listener.json.values), (7, 9));
    for (keys, words) in [
        ("proxy_protocol_behavior = \"deny_unauthorized\"", "proxy_protocol_authorized_addrs must be set"),
        ("proxy_protocol_behavior = \"sometimes\"", "expected use_always, allow_authorized or deny_unauthorized"),
        ("x_forwarded_for_authorized_addrs = \"10.0.0.0/99\"", "line 2, column 36"),
        ("x_forwarded_for_client_cert_header = \"X-Cert\"", "from the TLS connection alone"),
        ("max_connections = 0", "expected a number above 0"),
        ("tls_auto = true", "exclude each other"),
        ("socket_mode = \"660\"", ""),
    ] {
        let told = plain_with(keys).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains(words) && told.is_empty() == words.is_empty(), "{keys}: {told}");
    }
}

#[test]
fn a_socket_of_this_machine_is_a_listener() {
    let (config, warnings) =
        read("listener \"unix\" { address = \"/run/l.sock\" socket_mode = \"660\" socket_group = \"www\" }").unwrap();
    let group = Some("www".to_owned());
    let socket = UnixSocket { path: "/run/l.sock".into(), mode: 0o660, user: None, group };
    assert_eq!((&config.listeners[0].address, &config.listeners[0].tls), (&Address::Unix(socket), &None));
    assert_eq!(warnings, [""; 0]);
    assert!(read("listener \"unix\" { address = \"/run/l.sock\" socket_mode = \"rw\" }").is_err());
}

#[test]
fn versions_and_suites_of_tls_are_taken_as_far_as_they_are_sound() {
    let with = |keys: &str| {
        read(&format!("listener \"tcp\" {{ tls_cert_file = \"c\" tls_key_file = \"k\"\n{keys} }}"))
            .map(|(config, warnings)| (config.listeners[0].tls.clone().unwrap(), warnings))
    };
    let weak = "TLS_RSA_WITH_AES_128_CBC_SHA";
    let strong = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let (tls, warnings) = with(&format!(
        "tls_cipher_suites = \"{weak},{strong}, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305\" tls_max_version = \"tls12\""
    ))
    .unwrap();
    assert_eq!((tls.cipher_suites.len(), tls.max_version), (2, TlsVersion::Tls12));
    assert!(warnings.len() == 1 && warnings[0].contains(&format!("{weak} is not offered here")), "{warnings:?}");
    let refused = with(&format!("tls_cipher_suites = \"{weak}\"")).unwrap_err().to_string();
    assert!(refused.contains(strong), "{refused}");
    assert!(with("tls_min_version = \"tls13\" tls_max_version = \"tls12\"").is_err());
    let (config, _) = read("listener \"tcp\" { tls_auto = true }").unwrap();
    assert!(config.listeners[0].tls.as_ref().unwrap().auto);
    assert!(read("listener \"tcp\" { tls_auto = true tls_cert_file = \"c\" }").is_err());
}

#[test]
fn lockouts_are_told_by_the_kind_of_method() {
    let text = "user_lockout \"all\" { lockout_threshold = \"10\" lockout_duration = \"5m\" }\n\
                user_lockout \"userpass\" { lockout_counter_reset = 60 disable_lockout = \"false\" }";
    let config = read(text).unwrap().0;
    let all = UserLockout { threshold: 10, duration: Duration::from_secs(300), ..UserLockout::default() };
    assert_eq!(config.user_lockout["all"], all);
    let own = UserLockout { counter_reset: Duration::from_secs(60), disabled: Some(false), ..UserLockout::default() };
    assert_eq!(config.user_lockout["userpass"], own);
    assert!(error_of("user_lockout \"github\" {}").contains("expected all, userpass, approle or ldap"));
}

#[test]
fn a_directory_is_read_in_the_order_of_names_and_later_files_win() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    file("20.hcl", "cluster_name = \"later\" listener \"tcp\" { tls_disable = true address = \"b:1\" }");
    file("10.json", r#"{"cluster_name": "earlier", "listener": {"tcp": {"tls_disable": true, "address": "a:1"}}}"#);
    file("notes.txt", "not = = a configuration");
    file(".hidden.hcl", "not = = a configuration");
    let single = directory.path().join("single.conf");
    fs::write(&single, "default_lease_ttl = \"1h\"\nbogus = 1").unwrap();
    let (config, warnings) = load(&[directory.path().to_owned(), single.clone()]).unwrap();
    assert_eq!(config.cluster_name.as_deref(), Some("later"));
    assert_eq!(
        config.listeners.iter().map(|listener| listener.address.to_string()).collect::<Vec<_>>(),
        ["a:1", "b:1"]
    );
    assert_eq!(config.default_lease_ttl, Duration::from_secs(3600));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].file, single);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.hcl");
    let error = load(std::slice::from_ref(&missing)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be read: ", missing.display())), "{error}");
    let error = load(&[directory.path().to_owned()]).unwrap_err().to_string();
    assert!(error.ends_with("no *.hcl or *.json file in this directory"), "{error}");
    let broken = directory.path().join("broken.hcl");
    fs::write(&broken, "a = \n").unwrap();
    let error = load(std::slice::from_ref(&broken)).unwrap_err().to_string();
    assert_eq!(error, format!("{}: line 2, column 1: found the end of the text; expected a value", broken.display()));
}
