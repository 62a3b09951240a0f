//! The proxy between here and the server, if there is one: the one that is named for this program alone, else the one that the
//! environment names for everybody, unless it excepts the server.

use super::address::Address;
use crate::cli::{Environment, Failure};
use std::net::IpAddr;

pub fn choose(environment: &Environment, address: &Address) -> Result<Option<ureq::Proxy>, Failure> {
    for name in ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"] {
        if let Some(given) = environment.variable(name) {
            return parse(name, given).map(Some);
        }
    }
    let either = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| environment.variable(name).map(|given| (name, given)))
    };
    let names = if address.is_https() { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let excepted = either(["NO_PROXY", "no_proxy"]).is_some_and(|(_, list)| excepts(list, address));
    match either(names) {
        Some((name, given)) if !address.is_loopback() && !excepted => parse(name, given).map(Some),
        _ => Ok(None),
    }
}

/// The address of a proxy may hold a password: it is not repeated.
fn parse(name: &str, given: &str) -> Result<ureq::Proxy, Failure> {
    let wrong = || Failure::local(format!("{name} is not the address of a proxy: write it as http://host:3128"));
    let proxy = ureq::Proxy::new(given.trim()).map_err(|_| wrong())?;
    let speaks_http = matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https);
    if speaks_http { Ok(proxy) } else { Err(wrong()) }
}

/// Whether a list of hosts excepts the server: `*`, names with all below them, addresses and networks, each with a port or not.
fn excepts(list: &str, address: &Address) -> bool {
    let authority = address.authority();
    let usual = if address.is_https() { "443" } else { "80" };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority.as_str(), usual),
    };
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let ip: Option<IpAddr> = host.parse().ok();
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if let (Some(ip), Ok(network)) = (ip, crate::base::cidr::Cidr::parse(&entry)) {
            return network.contains(ip);
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, wanted)) if !name.contains(':') => (name, Some(wanted)),
            _ => (entry.as_str(), None),
        };
        let below = name.trim_start_matches('*').trim_start_matches('.');
        let is_exact_or_below = host == below || host.strip_suffix(below).is_some_and(|rest| rest.ends_with('.'));
        let names_it = name == "*" || (!below.is_empty() && is_exact_or_below && (name == below || host != below));
        names_it && wanted.is_none_or(|wanted| wanted == port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)], address: &str) -> Option<String> {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment = Environment::from(variables);
        let proxy = choose(&environment, &Address::parse(address).unwrap()).unwrap();
        proxy.map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn a_proxy_is_chosen_by_the_servers_scheme_and_its_own_variables_win() {
        let everybodys = [("HTTPS_PROXY", "http://secure:1"), ("http_proxy", "http://plain:1")];
        assert_eq!(proxy(&everybodys, "https://vault.example").as_deref(), Some("secure"));
        assert_eq!(proxy(&everybodys, "http://vault.example").as_deref(), Some("plain"));
        assert_eq!(proxy(&everybodys, "https://127.0.0.1:8200"), None, "this machine is behind no proxy");
        let own = [everybodys[0], ("VAULT_HTTP_PROXY", "http://older:1"), ("VAULT_PROXY_ADDR", "http://own:1")];
        assert_eq!(proxy(&own, "https://127.0.0.1:8200").as_deref(), Some("own"));
        assert_eq!(proxy(&own[..2], "https://vault.example").as_deref(), Some("older"));
    }

    #[test]
    fn a_server_can_be_excepted_from_everybodys_proxy() {
        for (list, excepted) in [
            ("vault.example", true),
            ("other, example", true),
            (".example", true),
            ("*.example", true),
            ("*", true),
            ("vault.example:8200", true),
            ("vault.example:9000", false),
            ("xvault.example", false),
            (".vault.example", false),
            ("ample", false),
            ("", false),
        ] {
            let variables = [("HTTPS_PROXY", "http://proxy:1"), ("NO_PROXY", list)];
            assert_eq!(proxy(&variables, "https://vault.example:8200").is_none(), excepted, "{list}");
        }
        let variables = [("HTTPS_PROXY", "http://proxy:1"), ("NO_PROXY", "10.0.0.0/8")];
        assert_eq!(proxy(&variables, "https://10.1.2.3:8200"), None);
        assert!(proxy(&variables, "https://11.1.2.3:8200").is_some());
    }

    #[test]
    fn what_is_no_proxy_is_told_without_repeating_it() {
        for wrong in ["socks5://user:hunter2@host", "ftp://hunter2@host", "http://"] {
            let environment = Environment::from([("VAULT_PROXY_ADDR", wrong)]);
            let failure = choose(&environment, &Address::parse("https://h").unwrap()).unwrap_err();
            assert!(failure.message.contains("VAULT_PROXY_ADDR") && !failure.message.contains("hunter2"), "{wrong}");
        }
    }
}
