//! Calls to the Query APIs of IAM and STS: form-encoded, signed (SigV4), answered in XML. Throttling and failures of the
//! server are tried again within the deadline; what remains is an error in AWS's own words.

use crate::base::{Clock, Error, Result, Secret, Timestamp, outbound, random};
use crate::engine::aws::xml;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant, SystemTime};

/// One of the services.
#[derive(Debug, Clone)]
pub struct Service {
    /// The name in the credential scope: `iam`, `sts`.
    pub name: &'static str,
    pub version: &'static str,
    pub endpoint: String,
    pub region: String,
}

/// The keys that calls are signed with.
#[derive(Clone)]
pub struct Keys {
    pub access_key: String,
    pub secret_key: Secret<String>,
}

/// What AWS refused, with its own code.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub enum Failure {
    /// An answer, and it was no.
    Refused(Refusal),
    /// No answer, or one that cannot be read: what was asked may or may not have happened.
    Unknown(Error),
}

impl Failure {
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == code)
    }

    fn is_passing(&self) -> bool {
        const PASSING: [&str; 5] = [
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
            "EntityTemporarilyUnmodifiable",
            "ConcurrentModification",
        ];
        match self {
            Self::Refused(refusal) => {
                PASSING.contains(&refusal.code.as_str()) || matches!(refusal.status, 502..=504 | 429)
            }
            Self::Unknown(_) => false,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => {
                Self::bad_request(format!("AWS refused: {}: {}", refusal.code, refusal.message))
            }
            Failure::Unknown(error) => error,
        }
    }
}

/// A service, the keys, and until when.
pub struct Client<'c> {
    pub service: &'c Service,
    pub keys: &'c Keys,
    pub clock: &'c dyn Clock,
    pub deadline: Instant,
}

impl Client<'_> {
    /// Calls an action; `parameters` without `Action` and `Version`.
    ///
    /// # Errors
    /// What AWS answered, or that it did not.
    pub fn call<T: DeserializeOwned>(&self, action: &str, parameters: &[(String, String)]) -> Result<T, Failure> {
        let text = self.text(action, parameters)?;
        quick_xml::de::from_str(&text).map_err(|error| {
            Failure::Unknown(
                Error::upstream(format!("the answer of {action} cannot be read")).caused_by(error.to_string()),
            )
        })
    }

    /// Calls an action whose answer says nothing more than that it was done.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn run(&self, action: &str, parameters: &[(String, String)]) -> Result<(), Failure> {
        self.text(action, parameters).map(drop)
    }

    /// Calls an action; the answer as it came.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn text(&self, action: &str, parameters: &[(String, String)]) -> Result<String, Failure> {
        let body = form(action, self.service.version, parameters);
        let mut pause = Duration::from_millis(100);
        loop {
            let failure = match self.once(&body) {
                Ok(text) => return Ok(text),
                Err(failure) => failure,
            };
            let jittered = pause.mul_f64(0.5 + f64::from(random::bytes::<1>().unwrap_or([128])[0]) / 256.0);
            if !failure.is_passing() || Instant::now() + jittered >= self.deadline {
                return Err(failure);
            }
            log::debug!("{action} is tried again after {failure:?}");
            std::thread::sleep(jittered);
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    fn once(&self, body: &str) -> Result<String, Failure> {
        let headers = signed_headers(self.service, self.keys, body, self.clock.now()).map_err(Failure::Unknown)?;
        let reply = outbound::post(&self.service.endpoint, &headers, body, self.deadline).map_err(Failure::Unknown)?;
        if reply.status == 200 {
            return Ok(reply.body);
        }
        Err(Failure::Refused(refusal(reply.status, &reply.body)))
    }
}

fn form(action: &str, version: &str, parameters: &[(String, String)]) -> String {
    let own = [("Action".to_owned(), action.to_owned()), ("Version".to_owned(), version.to_owned())];
    let pairs: Vec<String> =
        own.iter().chain(parameters).map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

/// Percent-encodes all but the unreserved characters (RFC 3986), as signatures need it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The headers of a signed request, `Authorization` among them.
fn signed_headers(service: &Service, keys: &Keys, body: &str, now: Timestamp) -> Result<Vec<(String, String)>> {
    let wrong = |error: String| Error::internal("an AWS request cannot be signed").caused_by(error);
    let credentials = Credentials::new(&keys.access_key, keys.secret_key.expose(), None, None, "leasehold").into();
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let parameters = v4::SigningParams::builder()
        .identity(&credentials)
        .region(&service.region)
        .name(service.name)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| wrong(error.to_string()))?;
    let mut headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
    let signed = {
        let borrowed = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("POST", &service.endpoint, borrowed, SignableBody::Bytes(body.as_bytes()));
        sign(request.map_err(|error| wrong(error.to_string()))?, &parameters.into())
            .map_err(|error| wrong(error.to_string()))?
    };
    let (instructions, _) = signed.into_parts();
    headers.extend(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(headers)
}

/// Finds AWS's code and words in an error's XML, in either of the shapes that servers of this API use.
fn refusal(status: u16, body: &str) -> Refusal {
    let element = |name| xml::texts(body, name).into_iter().next();
    let code = element("Code").unwrap_or_else(|| format!("HTTP {status}"));
    let message = element("Message").or_else(|| element("message")).unwrap_or_else(|| "no reason given".to_owned());
    Refusal { status, code, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;

    #[test]
    fn errors_are_read_in_both_shapes() {
        let aws = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &quot;user&quot;</Message></Error></ErrorResponse>";
        let read = refusal(404, aws);
        assert_eq!((read.code.as_str(), read.message.as_str()), ("NoSuchEntity", "no \"user\""));
        let nested = "<?xml version=\"1.0\"?><ErrorResponse><Errors><Error><Code>AccessDenied</Code><Message>not you</Message></Error></Errors></ErrorResponse>";
        assert_eq!(refusal(403, nested).code, "AccessDenied");
        assert_eq!(refusal(500, "<html>oops</html>").code, "HTTP 500");
    }

    #[test]
    fn a_request_is_signed_for_its_service_region_and_day() -> Result<()> {
        let service = Service {
            name: "iam",
            version: "2010-05-08",
            endpoint: "https://iam.amazonaws.com/".into(),
            region: "us-east-1".into(),
        };
        let keys =
            Keys { access_key: "AKIDEXAMPLE".into(), secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into() };
        let clock = ManualClock::at(Timestamp(1_440_938_160_000));
        let headers = signed_headers(&service, &keys, "Action=ListUsers&Version=2010-05-08", clock.now())?;
        let value = |name: &str| {
            headers
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        assert_eq!(value("x-amz-date"), "20150830T123600Z");
        assert!(
            value("authorization")
                .starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ")
        );
        Ok(())
    }
}
