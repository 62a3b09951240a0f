//! Calls to the Query APIs of IAM and STS: form-encoded, signed (SigV4), answered in XML. What passes (throttling, an entity
//! that is still being changed, a failing server) is tried again with jittered pauses within the deadline; what remains is an
//! error with AWS's own code and words.
//!
//! Owns the wire and knows no action by name.

use crate::base::failpoint::failpoint;
use crate::base::{Clock, Error, Kind, Result, Secret, Timestamp, outbound, random};
use crate::engine::aws::answer::Answer;
use crate::engine::aws::sources;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Pauses grow from the first to the longest, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where `max_retries` does not say: some 15 seconds, so that who waits learns why before they give up waiting.
const USUAL_RETRIES: u32 = 8;

/// Longest text of AWS's that is handed on, in characters: a wrong signature is explained in a page.
const LONGEST_WORDS: usize = 600;

/// Begins the code of a refusal that came without one (a gateway's page, an action that an emulator lacks).
const WORDLESS: &str = "HTTP ";

/// Codes that AWS documents as passing, besides the failures of its servers.
const PASSING: [&str; 10] = [
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ServiceUnavailable",
    "ServiceFailure",
    "InternalFailure",
    "RequestTimeout",
    "EntityTemporarilyUnmodifiable",
    "ConcurrentModification",
];

/// One service at one address.
#[derive(Debug, Clone)]
pub struct Service {
    /// The name in the credential scope: `iam`, `sts`.
    pub name: &'static str,
    pub version: &'static str,
    pub endpoint: String,
    /// The region in the credential scope.
    pub region: String,
}

/// What calls are signed with.
#[derive(Debug, Clone)]
pub struct Keys {
    pub access_key: String,
    pub secret_key: Secret<String>,
    /// Goes with keys that are temporary.
    pub session_token: Option<Secret<String>>,
}

/// Who signs.
#[derive(Debug, Clone)]
pub enum Signer {
    /// For actions that carry their proof in their parameters.
    Nobody,
    Keys(Keys),
    /// Whatever the surroundings give, with the STS that may have to make it.
    Surroundings(Box<Service>),
}

/// Why a call gave nothing.
#[derive(Debug)]
pub enum Failure {
    /// An answer, and it was no.
    Refused { status: u16, code: String, message: String },
    /// No answer, or none that says anything: it may or may not have taken effect.
    Unknown(Error),
}

impl Failure {
    /// Whether this is AWS's refusal with that code.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }

    fn passes(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                let wordless = code.starts_with(WORDLESS);
                matches!(status, 429 | 502..=504) || (*status == 500 && !wordless) || PASSING.contains(&code.as_str())
            }
            Self::Unknown(error) => error.kind() == Kind::Upstream,
        }
    }
}

/// A clear no is the caller's to mend and `BadRequest`; that nothing is known is `Upstream`, so that the core expects a late
/// effect.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { status, code, message } if status >= 500 => {
                let failed = Self::upstream(format!("AWS failed: {code}: {message}"));
                // A gateway that has nobody behind it, or a service that is down, is no answer.
                if matches!(status, 502..=504) { failed } else { failed.answered() }
            }
            Failure::Refused { code, message, .. } => Self::bad_request(format!("AWS refused: {code}: {message}")),
            Failure::Unknown(error) => error,
        }
    }
}

/// Whether a call may be sent again when nobody knows if it took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Yes,
    /// Twice would be one too many.
    OnlyIfRefused,
}

/// A service, the keys to it, and until when.
#[derive(Clone)]
pub struct Client {
    pub service: Service,
    /// Where the same can be asked when nobody answers there.
    pub fallbacks: Vec<Service>,
    pub signer: Signer,
    pub clock: Arc<dyn Clock>,
    pub deadline: Instant,
    /// How often a call is tried again at most, within the deadline; without, [`USUAL_RETRIES`] times.
    pub retries: Option<u32>,
}

impl Client {
    /// The same with other keys.
    #[must_use]
    pub fn with_keys(mut self, access_key: &str, secret_key: &Secret<String>) -> Self {
        let keys = Keys { access_key: access_key.to_owned(), secret_key: secret_key.clone(), session_token: None };
        self.signer = Signer::Keys(keys);
        self
    }

    /// The keys that calls are signed with now; none where nobody signs.
    ///
    /// # Errors
    /// Of where they come from.
    pub fn keys(&self) -> Result<Option<Keys>> {
        match &self.signer {
            Signer::Nobody => Ok(None),
            Signer::Keys(keys) => Ok(Some(keys.clone())),
            Signer::Surroundings(sts) => sources::keys(sts, &self.clock, self.deadline).map(Some),
        }
    }

    /// Calls an action; `parameters` come without `Action` and `Version`.
    ///
    /// # Errors
    /// What AWS refused, or that nothing is known.
    pub fn call(&self, action: &str, parameters: &[(String, String)]) -> Result<Answer, Failure> {
        self.call_again(action, parameters, Again::Yes)
    }

    /// [`Self::call`] for actions that must not happen twice unnoticed.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_again(&self, action: &str, parameters: &[(String, String)], again: Again) -> Result<Answer, Failure> {
        let body = form(action, self.service.version, parameters);
        let keys = self.keys().map_err(|error| Failure::Unknown(error.context(action)))?;
        let (last, others) = match self.fallbacks.split_last() {
            Some((last, between)) => (last, [std::slice::from_ref(&self.service), between].concat()),
            None => (&self.service, Vec::new()),
        };
        for (at, service) in others.iter().enumerate() {
            // Those after it get their part of the time.
            let parts = u32::try_from(others.len() + 1 - at).unwrap_or(u32::MAX);
            let left = self.deadline.saturating_duration_since(Instant::now());
            let part = Self { deadline: Instant::now() + left / parts, retries: Some(1), ..self.clone() };
            match part.call_at(service, keys.as_ref(), action, &body, again) {
                Err(Failure::Unknown(error)) if again == Again::Yes && error.kind() == Kind::Upstream => {
                    log::warn!("the next endpoint is asked: {}", error.for_log());
                }
                outcome => return outcome,
            }
        }
        self.call_at(last, keys.as_ref(), action, &body, again)
    }

    fn call_at(
        &self,
        service: &Service,
        keys: Option<&Keys>,
        action: &str,
        body: &str,
        again: Again,
    ) -> Result<Answer, Failure> {
        for tries in 0.. {
            let failure = match self.once(service, keys, action, body) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let unsure = matches!(failure, Failure::Unknown(_)) && again == Again::OnlyIfRefused;
            let enough = tries >= self.retries.unwrap_or(USUAL_RETRIES);
            if unsure || enough || !failure.passes() || !self.pause(tries) {
                return Err(failure);
            }
            log::debug!("{action} is tried again");
        }
        Err(Failure::Unknown(Error::internal("a call to AWS was tried without end")))
    }

    /// Waits before the next try, the longer the more there were, with chance in it so that many callers do not come back
    /// together. False, at once, where the deadline would come first.
    #[must_use]
    pub fn pause(&self, tries: u32) -> bool {
        let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
        let chance = random::bytes::<1>().map_or(128, |[byte]| byte);
        let wait = pause.mul_f64(0.5 + f64::from(chance) / 512.0);
        let in_time = Instant::now() + wait < self.deadline;
        if in_time {
            std::thread::sleep(wait);
        }
        in_time
    }

    fn once(&self, service: &Service, keys: Option<&Keys>, action: &str, body: &str) -> Result<Answer, Failure> {
        let headers = signed_headers(service, keys, body.as_bytes(), self.clock.now()).map_err(Failure::Unknown)?;
        let reply = outbound::post(&service.endpoint, &headers, body, self.deadline)
            .map_err(|error| Failure::Unknown(error.context(action)))?;
        if !action.starts_with("Get") && !action.starts_with("List") {
            failpoint!("aws.answered");
        }
        let answer = Answer::parse(&reply.body);
        match answer {
            Some(answer) if reply.status == 200 => Ok(answer),
            Some(answer) if answer.first("Code").is_some() => Err(refusal(action, reply.status, &answer)),
            _ if reply.status == 200 => {
                Err(Failure::Unknown(Error::upstream(format!("{action}: no XML in the answer"))))
            }
            _ => Err(Failure::Refused {
                status: reply.status,
                code: format!("{WORDLESS}{}", reply.status),
                message: format!("{} said nothing more ({action})", service.endpoint),
            }),
        }
    }
}

/// AWS's code and words, in one line.
fn refusal(action: &str, status: u16, answer: &Answer) -> Failure {
    let code = answer.first("Code").unwrap_or("unknown").to_owned();
    let words = answer.first("Message").or_else(|| answer.first("message")).unwrap_or("no reason given");
    let words: Vec<&str> = words.split_whitespace().collect();
    let message: String = words.join(" ").chars().take(LONGEST_WORDS).collect();
    Failure::Refused { status, code, message: format!("{message} ({action})") }
}

/// The body of a call.
fn form(action: &str, version: &str, parameters: &[(String, String)]) -> String {
    let mut body = format!("Action={}&Version={}", escape(action), escape(version));
    for (name, value) in parameters {
        let _ = write!(body, "&{}={}", escape(name), escape(value));
    }
    body
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The headers of a `POST`, `Authorization` among them where somebody signs.
fn signed_headers(
    service: &Service,
    keys: Option<&Keys>,
    body: &[u8],
    now: Timestamp,
) -> Result<Vec<(String, String)>> {
    let content_type = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let mut headers = vec![(content_type.0.to_owned(), content_type.1.to_owned())];
    if let Some(keys) = keys {
        headers.extend(signature(service, keys, ("POST", &[content_type], body), now)?);
    }
    Ok(headers)
}

/// What signing adds to a request of method, headers and body: its date and its `Authorization`.
fn signature(
    service: &Service,
    keys: &Keys,
    (method, headers, body): (&str, &[(&str, &str)], &[u8]),
    now: Timestamp,
) -> Result<Vec<(String, String)>> {
    let unsigned = |why: String| Error::internal("a request to AWS cannot be signed").caused_by(why);
    let token = keys.session_token.as_ref().map(|token| token.expose().clone());
    let identity = Credentials::new(&keys.access_key, keys.secret_key.expose(), token, None, "leasehold").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&service.region)
        .name(service.name)
        .time(SystemTime::UNIX_EPOCH + Timestamp(0).until(now))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| unsigned(error.to_string()))?;
    let body = SignableBody::Bytes(body);
    let request = SignableRequest::new(method, &service.endpoint, headers.iter().copied(), body)
        .map_err(|error| unsigned(error.to_string()))?;
    let signed = sign(request, &parameters.into()).map_err(|error| unsigned(error.to_string()))?;
    let (instructions, _) = signed.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time that AWS's published examples are signed at.
    const EXAMPLE_TIME: Timestamp = Timestamp(1_440_938_160_000);

    fn example(name: &'static str, endpoint: &str) -> (Service, Keys) {
        let service = Service { name, version: "2010-05-08", endpoint: endpoint.into(), region: "us-east-1".into() };
        let keys = Keys {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        };
        (service, keys)
    }

    fn value(headers: &[(String, String)], wanted: &str) -> String {
        headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap()
    }

    #[test]
    fn the_published_example_of_list_users_is_signed_as_published() -> Result<()> {
        let (service, keys) = example("iam", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08");
        let content_type = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let headers = signature(&service, &keys, ("GET", &[content_type], b""), EXAMPLE_TIME)?;
        assert_eq!(value(&headers, "x-amz-date"), "20150830T123600Z");
        assert_eq!(
            value(&headers, "authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
        Ok(())
    }

    #[test]
    fn the_published_example_of_a_posted_form_is_signed_as_published() -> Result<()> {
        let (service, keys) = example("service", "https://example.amazonaws.com/");
        let content_type = ("content-type", "application/x-www-form-urlencoded");
        let headers = signature(&service, &keys, ("POST", &[content_type], b"Param1=value1"), EXAMPLE_TIME)?;
        let signature = "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        assert!(value(&headers, "authorization").ends_with(signature), "{headers:?}");
        Ok(())
    }

    #[test]
    fn a_form_leaves_only_unreserved_characters_as_they_are() {
        let parameters = [("PolicyDocument".to_owned(), "{\"a\": [1+1, é~]}".to_owned())];
        assert_eq!(
            form("PutUserPolicy", "2010-05-08", &parameters),
            "Action=PutUserPolicy&Version=2010-05-08&PolicyDocument=%7B%22a%22%3A%20%5B1%2B1%2C%20%C3%A9~%5D%7D"
        );
    }

    #[test]
    fn a_refusal_is_read_in_both_shapes_and_keeps_to_one_line() {
        let plain = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no\n &quot;user&quot;\
            </Message><message>no</message></Error></ErrorResponse>";
        let nested = "<ErrorResponse><Errors><Error><Code>AccessDenied</Code><Message>not you</Message></Error></Errors>\
            </ErrorResponse>";
        for (xml, code, message) in
            [(plain, "NoSuchEntity", "no \"user\" (Act)"), (nested, "AccessDenied", "not you (Act)")]
        {
            let failure = refusal("Act", 403, &Answer::parse(xml).unwrap());
            assert!(failure.is(code));
            assert_eq!(Error::from(failure).message(), format!("AWS refused: {code}: {message}"));
        }
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let refused = |status, code: &str| Failure::Refused { status, code: code.into(), message: String::new() };
        for passing in [refused(400, "Throttling"), refused(503, "x"), refused(409, "EntityTemporarilyUnmodifiable")] {
            assert!(passing.passes(), "{passing:?}");
        }
        for lasting in [refused(404, "NoSuchEntity"), refused(409, "DeleteConflict"), refused(500, "HTTP 500")] {
            assert!(!lasting.passes(), "{lasting:?}");
        }
    }
}
