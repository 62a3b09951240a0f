use super::*;
use proptest::prelude::*;

fn share(bytes: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(bytes.to_vec())
}

fn refused(shares: &[Secret<Vec<u8>>]) -> String {
    combine(shares).unwrap_err().message().to_owned()
}

#[test]
fn multiplication_agrees_with_fips_197() {
    // Sections 4.2 and 4.2.1 of the standard.
    for (left, right, product) in [
        (0x57, 0x83, 0xc1),
        (0x57, 0x13, 0xfe),
        (0x57, 0x02, 0xae),
        (0x57, 0x04, 0x47),
        (0x57, 0x08, 0x8e),
        (0x57, 0x10, 0x07),
    ] {
        assert_eq!(multiply(left, right), product);
        assert_eq!(multiply(right, left), product);
    }
}

#[test]
fn every_element_but_zero_has_an_inverse() {
    assert_eq!(invert(0x53), 0xca, "the example behind the S-box");
    assert_eq!(invert(0), 0);
    for value in 1..=255 {
        assert_eq!(multiply(value, invert(value)), 1);
        assert_eq!(multiply(value, 1), value);
        assert_eq!(multiply(value, 0), 0);
    }
}

#[test]
fn multiplication_distributes_over_addition() {
    for left in 0..=255 {
        for right in 0..=255_u8 {
            let third = left ^ right.rotate_left(3);
            assert_eq!(multiply(left, right ^ third), multiply(left, right) ^ multiply(left, third));
        }
    }
}

#[test]
fn shares_made_by_hand_combine() {
    // 0x42 + 0x07·x at 1, 2 and 3, where multiplying by so small numbers needs no reduction: 0x42^0x07, 0x42^0x0e, 0x42^0x09.
    let shares = [share(&[0x45, 1]), share(&[0x4c, 2]), share(&[0x4b, 3])];
    for pair in [[0, 1], [1, 2], [2, 0]] {
        let pair = pair.map(|at: usize| shares[at].clone());
        assert_eq!(combine(&pair).unwrap().expose(), &[0x42]);
    }
    // With x² in it, and reduced: 0x42 + 0x80·x² at 1, 2 and 3 (x² is 1, 4, 5; 0x80·4 = 0x36, 0x80·5 = 0xb6).
    let shares = [share(&[0xc2, 1]), share(&[0x74, 2]), share(&[0xf4, 3])];
    assert_eq!(combine(&shares).unwrap().expose(), &[0x42]);
}

#[test]
fn a_share_is_one_byte_longer_than_the_secret_and_ends_with_its_place() {
    let shares = split(&[9; 32], 255, 3).unwrap();
    assert_eq!(shares.len(), 255);
    for (share, place) in shares.iter().zip(1..=255) {
        assert_eq!(share.expose().len(), 33);
        assert_eq!(share.expose()[32], place);
    }
    assert_eq!(combine(&shares).unwrap().expose(), &[9; 32]);
    assert_eq!(combine(&shares[250..253]).unwrap().expose(), &[9; 32]);
}

#[test]
fn a_single_share_is_the_secret_itself() {
    let shares = split(b"the secret", 1, 1).unwrap();
    assert_eq!(shares.len(), 1);
    assert_eq!(shares[0].expose(), b"the secret");
    assert_eq!(combine(&shares).unwrap().expose(), b"the secret");
}

#[test]
fn numbers_that_protect_nothing_are_refused() {
    for (shares, threshold) in [(0, 0), (0, 1), (1, 0), (5, 0), (5, 1), (3, 4)] {
        assert!(split(b"secret", shares, threshold).is_err(), "{shares}, {threshold}");
    }
    assert!(split(b"", 3, 2).is_err());
}

#[test]
fn shares_that_cannot_belong_together_are_refused() {
    assert_eq!(refused(&[]), "there are no shares to combine");
    assert_eq!(refused(&[share(&[1, 2, 1]), share(&[1, 2])]), "the shares differ in length");
    assert_eq!(refused(&[share(&[1, 2, 1]), share(&[3, 4, 1])]), "the same share was given twice");
    assert_eq!(refused(&[share(&[1, 2, 1]), share(&[3, 4, 0])]), "a share is not valid");
    assert_eq!(refused(&[share(&[1]), share(&[2])]), "a share is too short");
    assert_eq!(refused(&[share(&[]), share(&[])]), "a share is too short");
}

#[test]
fn one_share_short_every_secret_is_equally_likely() {
    // With one more share of one's choice, two of three shares are led to every possible secret: they tell nothing.
    let shares = split(&[0x42], 3, 3).unwrap();
    let mut reached = [false; 256];
    for value in 0..=255 {
        let guess = combine(&[shares[0].clone(), shares[1].clone(), share(&[value, 3])]).unwrap();
        reached[usize::from(guess.expose()[0])] = true;
    }
    assert!(reached.iter().all(|reached| *reached));
}

proptest! {
    #[test]
    fn any_threshold_of_shares_recovers_and_fewer_do_not(
        secret in proptest::collection::vec(any::<u8>(), 16..64),
        (shares, threshold) in (2_u8..=12).prop_flat_map(|shares| (Just(shares), 2..=shares)),
        order in any::<u64>(),
    ) {
        let mut parts = split(&secret, shares, threshold).unwrap();
        let turn = usize::try_from(order % u64::from(shares)).unwrap();
        parts.rotate_left(turn);
        if order % 2 == 0 {
            parts.reverse();
        }
        let enough = usize::from(threshold);
        let secret = share(&secret);
        prop_assert!(combine(&parts[..enough]).unwrap() == secret);
        prop_assert!(combine(&parts).unwrap() == secret);
        prop_assert!(combine(&parts[..enough - 1]).unwrap() != secret);
    }

    #[test]
    fn no_input_makes_combining_panic(shares in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5), 0..5)) {
        let shares: Vec<_> = shares.into_iter().map(Secret::new).collect();
        let _ = combine(&shares);
    }
}
