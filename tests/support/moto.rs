//! An AWS emulator with one administrator, in which every call is authorised and every signature checked.
//!
//! Owns the process and a client of its own that signs with `aws-sigv4` alone, so that what the program under test says
//! of AWS is judged by other code than its own. IAM, STS and S3 share one endpoint; the signed scope tells them apart.

use super::{PATIENCE, http_client, python, wait_for};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

/// The region that everything is signed for; the emulator takes any.
pub const REGION: &str = "us-east-1";
/// The account that the emulator plays.
pub const ACCOUNT: &str = "123456789012";

/// An access key as AWS hands it out.
#[derive(Clone)]
pub struct Key {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

impl Key {
    pub fn new(access_key: &str, secret_key: &str) -> Self {
        Key { access_key: access_key.into(), secret_key: secret_key.into(), session_token: None }
    }

    pub fn with_session(self, session_token: &str) -> Self {
        Key { session_token: Some(session_token.into()), ..self }
    }
}

/// The running emulator. It ends with this value, and with the test's process.
pub struct Moto {
    pub endpoint: String,
    pub admin: Key,
    process: Child,
    _log: tempfile::TempDir,
}

impl Moto {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with these variables in its environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("moto.log");
        let output = File::create(&log).unwrap();
        let process = Command::new(python::interpreter())
            .arg(python::repository().join("tests/support/moto_server.py"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "3")
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .env_remove("MOTO_PORT")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("moto starts");
        let endpoint = wait_for("moto says where it listens", PATIENCE, || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let line = text.lines().find(|line| line.contains("Running on"))?;
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let mut moto = Moto { endpoint, admin: Key::new("none", "none"), process, _log: directory };
        moto.admin = moto.make_administrator();
        moto
    }

    /// The three calls that are let through unchecked; from then on everything is authorised.
    fn make_administrator(&self) -> Key {
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        self.iam("CreateUser", &[("UserName", "administrator")]);
        self.iam("PutUserPolicy", &[("UserName", "administrator"), ("PolicyName", "all"), ("PolicyDocument", all)]);
        self.make_key("administrator")
    }

    pub fn make_key(&self, user: &str) -> Key {
        let answer = self.iam("CreateAccessKey", &[("UserName", user)]);
        Key::new(&elements(&answer, "AccessKeyId")[0], &elements(&answer, "SecretAccessKey")[0])
    }

    /// A call to IAM as the administrator, which must succeed; the answer's XML.
    pub fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let (status, answer) = self.query(&self.admin, "iam", "2010-05-08", action, parameters);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    /// Every user there is except the administrator: the emulator's own view of what leases have made.
    pub fn users(&self) -> Vec<String> {
        let mut users = elements(&self.iam("ListUsers", &[]), "UserName");
        users.retain(|user| user != "administrator");
        users
    }

    pub fn access_keys(&self, user: &str) -> Vec<String> {
        elements(&self.iam("ListAccessKeys", &[("UserName", user)]), "AccessKeyId")
    }

    /// Whether AWS knows this key at all, and its signature holds.
    pub fn accepts(&self, key: &Key) -> bool {
        self.query(key, "sts", "2011-06-15", "GetCallerIdentity", &[]).0 == 200
    }

    pub fn make_bucket(&self, bucket: &str) {
        let (status, answer) = self.s3(&self.admin, "PUT", &format!("/{bucket}"), b"");
        assert_eq!(status, 200, "{answer}");
    }

    /// A call to S3, whatever comes of it: `s3(&key, "GET", "/bucket/name", b"")`.
    pub fn s3(&self, key: &Key, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        self.send(key, "s3", method, path, "application/octet-stream", body)
    }

    /// A call to IAM or STS, whatever comes of it.
    pub fn query(
        &self,
        key: &Key,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> (u16, String) {
        let fixed = [("Action", action), ("Version", version)];
        let body = form(fixed.iter().chain(parameters));
        self.send(key, service, "POST", "/", "application/x-www-form-urlencoded; charset=utf-8", body.as_bytes())
    }

    fn send(&self, key: &Key, service: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("content-type", kind)
            .body(body.to_vec())
            .unwrap();
        authorise(&mut request, key, service);
        let mut answer = http_client().run(request).expect("the emulator answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The text of every element of this name, in order. Enough for what the emulator prints, which nests none in itself.
pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let rest = xml.split(&open).skip(1);
    rest.filter_map(|tail| tail.split_once(&close)).map(|(text, _)| text.to_owned()).collect()
}

fn form<'a>(pairs: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    let encoded = pairs.map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    encoded.collect::<Vec<_>>().join("&")
}

fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn authorise(request: &mut http::Request<Vec<u8>>, key: &Key, service: &str) {
    let identity = Credentials::new(&key.access_key, &key.secret_key, key.session_token.clone(), None, "tests").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let uri = request.uri().to_string();
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, body).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(request);
}
