use super::limiter::{Limiter, MAX_CLIENTS, Who};
use super::{GroupBy, RateLimit, Scope};
use crate::base::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

fn quota(rate: f64) -> RateLimit {
    RateLimit {
        name: "q".to_owned(),
        scope: Scope::default(),
        inheritable: true,
        rate,
        interval: Duration::from_secs(1),
        block_interval: Duration::ZERO,
        group_by: GroupBy::Ip,
        secondary_rate: 0.0,
        generation: 1,
    }
}

fn address(number: u32) -> Who {
    Who::at(Some(IpAddr::from(number.to_be_bytes())))
}

#[test]
fn an_allowance_comes_back_bit_by_bit() {
    let limiter = Limiter::default();
    let quota = quota(4.0);
    let take = |at| limiter.take(&quota, quota.rate, Who::Everybody, Timestamp(at));
    for left in [3, 2, 1, 0] {
        assert_eq!(take(0).remaining, left);
    }
    assert!(!take(0).is_allowed);
    assert!(!take(249).is_allowed);
    assert!(take(250).is_allowed);
    assert!(!take(251).is_allowed);
    assert_eq!(take(100_000).remaining, 3, "never more than fits");
}

#[test]
fn a_rate_below_one_lets_one_through_now_and_then() {
    let limiter = Limiter::default();
    let quota = quota(0.1);
    let take = |at| limiter.take(&quota, quota.rate, Who::Everybody, Timestamp(at));
    assert!(take(0).is_allowed);
    assert_eq!(take(0).reset, Duration::from_secs(10));
    assert!(!take(9_999).is_allowed && take(10_000).is_allowed);
}

#[test]
fn however_many_clients_come_memory_is_bounded_and_the_limit_holds() {
    let limiter = Limiter::default();
    let quota = quota(1.0);
    let now = Timestamp(5_000);
    let bound = u32::try_from(MAX_CLIENTS).unwrap();
    for number in 0..bound {
        assert!(limiter.take(&quota, quota.rate, address(number), now).is_allowed);
    }
    assert!(limiter.take(&quota, quota.rate, address(bound), now).is_allowed, "the first newcomer");
    assert!(!limiter.take(&quota, quota.rate, address(bound + 1), now).is_allowed, "newcomers share");
    assert!(!limiter.take(&quota, quota.rate, address(7), now).is_allowed, "the known are still known");
    assert_eq!(limiter.clients(), MAX_CLIENTS + 1);
    let later = now.plus(Duration::from_secs(2));
    assert!(limiter.take(&quota, quota.rate, address(bound + 2), later).is_allowed);
    assert_eq!(limiter.clients(), 1, "those with a full allowance are forgotten");
}

#[test]
fn a_network_is_one_client_and_a_mapped_address_is_the_one_it_maps() {
    let at = |text: &str| Who::at(Some(text.parse().unwrap()));
    assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
    assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    assert_eq!(at("::ffff:1.2.3.4"), at("1.2.3.4"));
}
