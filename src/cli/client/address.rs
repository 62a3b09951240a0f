//! Where the server is: the address as given, URLs below it, and the one redirect that is followed.

use crate::cli::Failure;
use http::Uri;
use std::fmt::Write;

#[derive(Debug, Clone)]
pub struct Address {
    given: String,
    uri: Uri,
}

impl Address {
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::local(format!(
                "{text:?} is not an address: write it as https://host:8200, in VAULT_ADDR or with -address"
            ))
        };
        let given = text.trim().trim_end_matches('/').to_owned();
        let uri: Uri = given.parse().map_err(|_| wrong())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        Ok(Self { given, uri })
    }

    pub fn as_given(&self) -> &str {
        &self.given
    }

    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Host and port, as they are written in it.
    pub fn authority(&self) -> String {
        self.uri.authority().map(ToString::to_string).unwrap_or_default()
    }

    /// Whether it means this machine, which no proxy stands in front of.
    pub fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The URL of an API path.
    pub fn url(&self, path: &str, query: &[(String, String)]) -> String {
        let mut url = format!("{}/v1/{}", self.given, encode(path.trim_start_matches('/'), is_path));
        for (index, (name, value)) in query.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let _ = write!(url, "{separator}{}={}", encode(name, is_unreserved), encode(value, is_unreserved));
        }
        url
    }

    /// The URL a redirect leads to; never from TLS to none, for the token goes along.
    pub fn redirected(&self, from: &str, location: &str) -> Result<String, Failure> {
        let target = if location.starts_with('/') {
            let origin = from.match_indices('/').nth(2).map_or(from, |(end, _)| &from[..end]);
            format!("{origin}{location}")
        } else {
            location.to_owned()
        };
        if self.is_https() && !target.starts_with("https://") {
            return Err(Failure::refused(format!("the server redirected to {target}, which is not protected by TLS")));
        }
        Ok(target)
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_path(byte: u8) -> bool {
    is_unreserved(byte) || b"/$&+,:;=@!'()*".contains(&byte)
}

fn encode(text: &str, stays: fn(u8) -> bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
