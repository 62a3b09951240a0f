//! `sys/tools`: random bytes and hashes, for scripts that have nothing better at hand.

use crate::base::{Error, Result, random};
use crate::core::Call;
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Field, Input, Operation, Response, Route};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use zeroize::Zeroizing;

const BYTES: Field = Field::integer("bytes", "How many bytes, up to 131072.").default("32");
const SOURCE: Field =
    Field::text("source", "platform: the operating system, the only source there is; all means the same.");
const RANDOM_FORMAT: Field = Field::text("format", "base64 or hex.").default("base64");
const ALGORITHM: Field =
    Field::text("algorithm", "sha2-224, -256, -384 or -512; sha3-256, -384 or -512.").default("sha2-256");
const INPUT: Field = Field::text("input", "What is hashed, in base64.");
const HASH_FORMAT: Field = Field::text("format", "hex or base64.").default("hex");

const RANDOM_SUMMARY: &str = "Makes random bytes.";
const RANDOM_HELP: &str = "They come from the operating system.";
const HASH_SUMMARY: &str = "Hashes data.";
const HASH_HELP: &str = "The data is in neither log nor answer; audit devices have it hashed, as all data.";

/// The most that one request gets.
const MOST: i64 = 128 * 1024;

macro_rules! route {
    ($name:ident, $pattern:literal, $fields:expr, $run:ident, $summary:ident, $help:ident) => {
        pub static $name: Route<Call> = Route {
            pattern: $pattern,
            fields: $fields,
            actions: &[Action::new(Operation::Update, $run, $summary)],
            exists: None,
            summary: $summary,
            help: $help,
            flags: ORDINARY,
        };
    };
}

route!(RANDOM, "tools/random", &[BYTES, SOURCE, RANDOM_FORMAT], random, RANDOM_SUMMARY, RANDOM_HELP);
// One segment is either the number or the source.
route!(
    RANDOM_URL,
    "tools/random/{urlbytes}",
    &[BYTES, SOURCE, RANDOM_FORMAT, URL_BYTES],
    random,
    RANDOM_SUMMARY,
    RANDOM_HELP
);
route!(
    RANDOM_BOTH,
    "tools/random/{source}/{urlbytes}",
    &[BYTES, SOURCE, RANDOM_FORMAT, URL_BYTES],
    random,
    RANDOM_SUMMARY,
    RANDOM_HELP
);
route!(HASH, "tools/hash", &[ALGORITHM, INPUT, HASH_FORMAT], hash, HASH_SUMMARY, HASH_HELP);
route!(
    HASH_URL,
    "tools/hash/{urlalgorithm}",
    &[ALGORITHM, INPUT, HASH_FORMAT, URL_ALGORITHM],
    hash,
    HASH_SUMMARY,
    HASH_HELP
);

const URL_BYTES: Field = Field::text("urlbytes", "The number of bytes, or the source, in the path.");
const URL_ALGORITHM: Field = Field::text("urlalgorithm", "The algorithm, in the path.");

fn random(_: &mut Call, input: &Input) -> Result<Response> {
    let in_url = input.text("urlbytes").unwrap_or_default();
    let (bytes, source) = match in_url.parse::<i64>() {
        Ok(bytes) => (Some(bytes), input.text("source")),
        Err(_) if in_url.is_empty() => (input.integer("bytes"), input.text("source")),
        Err(_) if input.path.matches('/').count() > 2 => {
            return Err(Error::bad_request(format!("error parsing url-set byte count: {in_url:?} is no number")));
        }
        Err(_) => (input.integer("bytes"), Some(in_url)),
    };
    let bytes = bytes.unwrap_or(32);
    if bytes < 1 {
        return Err(Error::bad_request("\"bytes\" cannot be less than 1"));
    }
    if bytes > MOST {
        return Err(Error::bad_request(format!("\"bytes\" should be less than {MOST}")));
    }
    match source.as_deref() {
        None | Some("" | "platform" | "all") => {}
        Some("seal") => {
            return Err(Error::bad_request("the seal here is people, who give no randomness: use platform"));
        }
        Some(other) => {
            return Err(Error::bad_request(format!(
                "unsupported entropy source {other:?}; must be \"platform\" or \"seal\", or \"all\""
            )));
        }
    }
    let mut made = Zeroizing::new(Vec::new());
    while made.len() < usize::try_from(bytes).unwrap_or(0) {
        made.extend_from_slice(&random::bytes::<32>()?);
    }
    made.truncate(usize::try_from(bytes).unwrap_or(0));
    Ok(Response::json(json!({ "random_bytes": encoded(&made, &input.text("format").unwrap_or_default())? })))
}

fn hash(_: &mut Call, input: &Input) -> Result<Response> {
    let name = input.text("urlalgorithm").or_else(|| input.text("algorithm")).unwrap_or_default();
    let data = input.text("input").unwrap_or_default();
    let data = STANDARD.decode(data.trim()).map(Zeroizing::new);
    let data = data.map_err(|_| Error::bad_request("unable to decode input as base64"))?;
    let algorithm = match name.as_str() {
        "sha2-224" => &digest::SHA224,
        "sha2-256" => &digest::SHA256,
        "sha2-384" => &digest::SHA384,
        "sha2-512" => &digest::SHA512,
        "sha3-256" => &digest::SHA3_256,
        "sha3-384" => &digest::SHA3_384,
        "sha3-512" => &digest::SHA3_512,
        "sha3-224" => return Err(Error::bad_request("sha3-224 is not here: use sha3-256 or a longer one")),
        other => return Err(Error::bad_request(format!("unsupported algorithm {other:?}"))),
    };
    let sum = digest::digest(algorithm, &data);
    Ok(Response::json(json!({ "sum": encoded(sum.as_ref(), &input.text("format").unwrap_or_default())? })))
}

fn encoded(bytes: &[u8], format: &str) -> Result<String> {
    match format {
        "hex" => Ok(hex::encode(bytes)),
        "base64" => Ok(STANDARD.encode(bytes)),
        other => {
            Err(Error::bad_request(format!("unsupported encoding format {other:?}; must be \"hex\" or \"base64\"")))
        }
    }
}
