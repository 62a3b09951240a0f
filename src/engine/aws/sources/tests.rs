//! The order of the sources, the files, and what is asked of container and instance, answered by small servers.

use super::*;
use crate::base::ManualClock;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

const NOW: Timestamp = Timestamp(1_440_938_160_000);

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn sts(endpoint: &str) -> Service {
    Service { name: "sts", version: "2011-06-15", endpoint: endpoint.to_owned(), region: "us-east-1".to_owned() }
}

/// What the source that this environment leads to gives.
fn found(pairs: &[(&str, &str)], endpoint: &str) -> Result<Found> {
    let environment = environment(pairs);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let deadline = Instant::now() + Duration::from_secs(10);
    Source::choose(&environment)?.fetch(&environment, &sts(endpoint), &clock, deadline)
}

fn refused(pairs: &[(&str, &str)]) -> String {
    found(pairs, "http://127.0.0.1:9/").map(|_| ()).unwrap_err().message().to_owned()
}

/// A server that answers each line of a request by the first rule that it contains, and the address of it. A rule may ask for a
/// header, which is given after a bar.
fn server(rules: &'static [(&'static str, u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .map(|line| line.to_lowercase())
                .collect();
            let fits = |rule: &str| rule.split('|').all(|part| head.iter().any(|line| line.contains(part)));
            let (_, status, body) = rules.iter().find(|(rule, ..)| fits(rule)).unwrap_or(&("", 404, ""));
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn the_first_source_that_is_there_is_the_one() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), "[default]\naws_access_key_id=A\naws_secret_access_key=s\n")
        .unwrap();
    let mut pairs = vec![
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("HOME", home.path().to_str().unwrap()),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/web"),
    ];
    let chosen = |pairs: &[(&str, &str)]| Source::choose(&environment(pairs)).unwrap().to_string();
    for words in [
        "the environment",
        "the web identity for arn:aws:iam::1:role/web",
        "the profile \"default\" of the shared files",
        "the container's agent",
        "the instance's metadata",
    ] {
        assert_eq!(chosen(&pairs), words);
        if !pairs.is_empty() {
            pairs.remove(0);
        }
    }
    let error = Source::choose(&environment(&[("AWS_EC2_METADATA_DISABLED", "TRUE")])).unwrap_err();
    assert!(error.message().contains("config/root"), "{error:?}");
}

#[test]
fn the_environment_gives_keys_under_either_name_and_says_what_is_missing() {
    let pairs = [("AWS_ACCESS_KEY", "AKIA"), ("AWS_SECRET_KEY", "s"), ("AWS_SESSION_TOKEN", "t")];
    let keys = found(&pairs, "").unwrap().keys;
    assert_eq!((keys.access_key.as_str(), keys.secret_key.expose().as_str()), ("AKIA", "s"));
    assert_eq!(keys.session_token.map(|token| token.expose().clone()).as_deref(), Some("t"));
    assert_eq!(refused(&[("AWS_ACCESS_KEY_ID", "AKIA")]), "AWS_SECRET_ACCESS_KEY is not set");
}

#[test]
fn the_shared_files_are_read_as_they_are_written() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let credentials = file(
        "credentials",
        "# keys\n[ work ]\naws_access_key_id = AKIAWORK # mine\nAWS_SECRET_ACCESS_KEY=a=b/c+d\n\n[temporary]\n\
         aws_access_key_id=ASIA\naws_secret_access_key=s\naws_session_token=t\n",
    );
    let config = file(
        "config",
        "[default]\nregion = eu-west-1\n[profile work]\ns3 =\n  aws_access_key_id = NESTED\nregion = eu-west-1\n\
         [profile signed-in]\nsso_session = mine\n[profile chained]\nrole_arn = arn\nsource_profile = work\n[profile bare]\n",
    );
    let of = |profile| {
        [("AWS_PROFILE", profile), ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()), ("AWS_CONFIG_FILE", &config)]
    };
    let keys = found(&of("work"), "").unwrap().keys;
    assert_eq!((keys.access_key.as_str(), keys.secret_key.expose().as_str()), ("AKIAWORK", "a=b/c+d"));
    assert!(keys.session_token.is_none());
    assert!(found(&of("temporary"), "").unwrap().keys.session_token.is_some());
    for (profile, words) in [
        ("signed-in", "it has sso_session, and signing in by SSO is not supported"),
        ("chained", "it has source_profile, and assuming a role from another profile is not supported"),
        ("bare", "no aws_access_key_id"),
        ("nobody", "\"nobody\", which is in neither shared file"),
    ] {
        assert!(refused(&of(profile)).contains(words), "{}", refused(&of(profile)));
    }
    // A default profile without keys is no source.
    let pairs = [("AWS_CONFIG_FILE", config.as_str()), ("AWS_EC2_METADATA_DISABLED", "true")];
    assert!(Source::choose(&environment(&pairs)).is_err());
}

#[test]
fn a_container_is_asked_with_its_token_and_only_where_nothing_leaves_the_machine() {
    let agent = server(&[(
        "get /keys |authorization: token one",
        200,
        "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2015-08-30T13:36:00Z\"}",
    )]);
    let (token, address) = (tempfile::NamedTempFile::new().unwrap(), format!("{agent}/keys"));
    std::fs::write(token.path(), "Token one\n").unwrap();
    let pairs = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", address.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.path().to_str().unwrap()),
    ];
    let keys = found(&pairs, "").unwrap();
    assert_eq!((keys.keys.access_key.as_str(), keys.ends), ("ASIA", Some(NOW.plus(Duration::from_secs(3600)))));
    assert!(refused(&pairs[..1]).contains("answered 404"));
    let broken = [pairs[0], ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\nHost: b")];
    assert!(refused(&broken).contains("cannot stand in a header"));
    for (address, allowed) in [
        ("http://127.0.0.1/", true),
        ("http://localhost:80/a", true),
        ("http://169.254.170.23/v1/credentials", true),
        ("http://[fd00:ec2::23]/v1/credentials", true),
        ("https://keys.example/", true),
        ("http://keys.example/", false),
        ("http://169.254.169.254/", false),
        ("ftp://127.0.0.1/", false),
    ] {
        let chosen = Source::choose(&environment(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)]));
        assert_eq!(chosen.is_ok(), allowed, "{address}");
    }
}

#[test]
fn an_instance_is_asked_by_the_second_version_alone() {
    let metadata = server(&[
        ("put /latest/api/token |x-aws-ec2-metadata-token-ttl-seconds: ", 200, "tok\n"),
        (
            "/security-credentials/web |x-aws-ec2-metadata-token: tok",
            200,
            "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2015-08-30T18:36:00Z\"}",
        ),
        ("/security-credentials/ |x-aws-ec2-metadata-token: tok", 200, "web"),
    ]);
    let pairs = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str())];
    assert_eq!(found(&pairs, "").unwrap().keys.access_key, "ASIA");
    let first_version = server(&[("get /latest/meta-data", 200, "web")]);
    assert!(refused(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &first_version)]).contains("gives no token"));
    let roleless = server(&[("put /latest/api/token", 200, "tok")]);
    assert!(refused(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &roleless)]).contains("give the instance a profile"));
    let failing = server(&[
        ("put /latest/api/token", 200, "tok"),
        ("/security-credentials/web ", 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}"),
        ("/security-credentials/ ", 200, "web"),
    ]);
    assert!(refused(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &failing)]).contains("AssumeRoleUnauthorizedAccess"));
}

#[test]
fn a_web_identity_is_turned_into_keys_by_a_call_that_nobody_signs() {
    let endpoint = server(&[
        ("authorization", 403, ""),
        (
            "post / ",
            200,
            "<R><Credentials><AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
             <Expiration>2015-08-30T13:36:00Z</Expiration></Credentials></R>",
        ),
    ]);
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "header.body.signature\n").unwrap();
    let pairs =
        [("AWS_ROLE_ARN", "arn:aws:iam::1:role/web"), ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().to_str().unwrap())];
    let keys = found(&pairs, &endpoint).unwrap();
    assert_eq!((keys.keys.access_key.as_str(), keys.ends.is_some()), ("ASIAWEB", true));
    assert!(refused(&pairs[1..]).contains("AWS_ROLE_ARN is not"));
    assert!(refused(&[pairs[0], ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")]).contains("/nowhere cannot be read"));
}

#[test]
fn temporary_keys_are_kept_replaced_before_they_end_and_used_while_they_last() {
    let (source, sts) = (Source::Profile("kept only in this test".to_owned()), sts("https://x/"));
    let keys = |name: &str, minutes: u64| {
        let keys = Keys { access_key: name.to_owned(), secret_key: "s".into(), session_token: None };
        Ok(Found { keys, ends: Some(NOW.plus(Duration::from_secs(minutes * 60))) })
    };
    let at = |minutes: u64, fetch: &dyn Fn() -> Result<Found>| {
        let now = NOW.plus(Duration::from_secs(minutes * 60));
        keep(&source, &sts, now, fetch).map(|keys| keys.access_key)
    };
    let unused = || panic!("nothing is fetched while the keys are good");
    let down = || Err(Error::upstream("down"));
    assert!(at(0, &down).is_err());
    assert_eq!(at(0, &|| keys("A", 60)).unwrap(), "A");
    assert_eq!(at(54, &unused).unwrap(), "A");
    assert_eq!(at(56, &down).unwrap(), "A", "they still work");
    assert_eq!(at(56, &unused).unwrap(), "A", "and nobody is asked again at once");
    assert_eq!(at(57, &|| keys("B", 120)).unwrap(), "B");
    assert!(at(121, &down).is_err(), "what has ended is not used");
}
