//! Addresses are counted, few of them are kept, and none that has used up anything is forgotten.
use std::net::SocketAddr;

use super::*;
use crate::clock::{Clock, ManualClock};

pub(super) fn limits() -> Limits {
    Limits {
        message_chars: 4_000,
        sessions: 100,
        rooms: 100,
        rooms_per_user_per_day: 10,
        messages_per_minute: 120,
        burst: 20,
        requests_per_minute: 600,
        new_sessions_per_minute: 30,
        uncounted: vec!["198.51.100.0/24".parse().expect("a network")],
        loopback_only: true,
    }
}

fn limiter(clock: &ManualClock) -> Limiter {
    Limiter::new(limits(), Arc::default(), clock.now())
}

fn peer(address: &str) -> Peer {
    let address = address.parse().expect("an address");
    Peer::in_clear(Some(SocketAddr::new(address, 5)))
}

/// Takes requests until there are no more; how many it got.
fn exhaust(limiter: &Limiter, origin: &Origin, now: Instant) -> usize {
    let address = origin.counted.as_ref().expect("counted");
    let rate = limiter.requests().times(SESSIONS);
    let mut buckets = address.buckets.lock();
    (0..100_000)
        .take_while(|_| buckets.requests.take(1, rate, now).is_ok())
        .count()
}

#[test]
fn an_address_has_what_ten_sessions_have() {
    let clock = ManualClock::default();
    let limiter = limiter(&clock);
    let origin = |of: &str| limiter.origin(peer(of), clock.now());
    assert_eq!(exhaust(&limiter, &origin("192.0.2.1"), clock.now()), 6_000);
    assert_eq!(exhaust(&limiter, &origin("192.0.2.1"), clock.now()), 0);
    assert_eq!(exhaust(&limiter, &origin("192.0.2.2"), clock.now()), 6_000);
    clock.advance(Duration::from_secs(1));
    assert_eq!(exhaust(&limiter, &origin("192.0.2.1"), clock.now()), 100);
    // As many addresses as one likes are those of one network, in one's own network.
    assert_eq!(
        exhaust(&limiter, &origin("2001:db8::1"), clock.now()),
        6_000
    );
    assert_eq!(exhaust(&limiter, &origin("2001:db8::2"), clock.now()), 0);
    for uncounted in ["127.0.0.1", "::1", "::ffff:127.0.0.9", "198.51.100.7"] {
        assert!(origin(uncounted).counted.is_none(), "{uncounted}");
    }
}

#[test]
fn a_server_for_others_counts_loopback_too() {
    let clock = ManualClock::default();
    let limits = Limits {
        loopback_only: false,
        ..limits()
    };
    let limiter = Limiter::new(limits, Arc::default(), clock.now());
    assert!(
        limiter
            .origin(peer("127.0.0.1"), clock.now())
            .counted
            .is_some()
    );
}

#[test]
fn to_be_many_makes_nobody_forgotten() {
    let clock = ManualClock::default();
    let limiter = limiter(&clock);
    let origin = |n: usize| {
        let address = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + n as u32));
        limiter.origin(
            Peer::in_clear(Some(SocketAddr::new(address, 5))),
            clock.now(),
        )
    };
    assert_eq!(exhaust(&limiter, &origin(0), clock.now()), 6_000);
    // Those who used nothing are forgotten, whichever come.
    for n in 1..3 * MOST_ADDRESSES {
        origin(n);
    }
    let known = || limiter.known.lock().addresses.len();
    assert!(known() <= MOST_ADDRESSES);
    assert_eq!(exhaust(&limiter, &origin(0), clock.now()), 0);
    // Where all of them have used something, newcomers share with their neighbours.
    for n in 0..MOST_ADDRESSES {
        let address = origin(n).counted.expect("counted");
        let rate = limiter.requests().times(SESSIONS);
        let _ = address.buckets.lock().requests.take(5, rate, clock.now());
    }
    for n in MOST_ADDRESSES..3 * MOST_ADDRESSES {
        origin(n);
    }
    assert!(known() <= MOST_ADDRESSES);
    clock.advance(Duration::from_secs(60));
    origin(4 * MOST_ADDRESSES);
    assert!(known() <= FEW, "{} are known after a minute", known());
}

#[test]
fn other_limits_hold_at_once_for_those_who_are_there() {
    let clock = ManualClock::default();
    let limiter = limiter(&clock);
    let origin = limiter.origin(peer("192.0.2.1"), clock.now());
    assert_eq!(exhaust(&limiter, &origin, clock.now()), 6_000);
    let (fewer, none) = (1, 0);
    let of = |requests_per_minute| Limits {
        requests_per_minute,
        ..limits()
    };
    limiter.set(&of(none));
    assert_eq!(exhaust(&limiter, &origin, clock.now()), 100_000);
    limiter.set(&of(fewer));
    clock.advance(Duration::from_secs(60));
    assert_eq!(exhaust(&limiter, &origin, clock.now()), 10);
    limiter.set(&limits());
    clock.advance(Duration::from_secs(60));
    assert_eq!(exhaust(&limiter, &origin, clock.now()), 6_000);
}

#[test]
fn an_address_may_not_have_every_connection() {
    let clock = ManualClock::default();
    let limiter = limiter(&clock);
    let origin = limiter.origin(peer("192.0.2.1"), clock.now());
    let held: Vec<_> = (0..3).filter_map(|_| origin.enter(2)).collect();
    assert_eq!(held.len(), 2);
    assert!(
        limiter
            .origin(peer("192.0.2.2"), clock.now())
            .enter(2)
            .is_some()
    );
    assert!(Origin::default().enter(0).is_some());
    drop(held);
    assert!(origin.enter(2).is_some());
}
