//! Whether a point lies on the curve P-256 (FIPS 186-5; SEC 2, 2.4.2). A key that is only registered signs nothing yet, so that
//! no library looks.

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U256, const_monty_params};

const_monty_params!(
    Prime,
    U256,
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    "The prime of the curve's field."
);
/// The curve is `y² = x³ - 3x + B`.
const B: &str = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b";

type Number = ConstMontyForm<Prime, { U256::LIMBS }>;

/// Whether these are the coordinates of a point.
pub(super) fn has(x: &[u8; 32], y: &[u8; 32]) -> bool {
    let prime = Prime::PARAMS.modulus().as_ref();
    let (x, y) = (U256::from_be_slice(x), U256::from_be_slice(y));
    if x >= *prime || y >= *prime {
        return false;
    }
    let (x, y, b) = (Number::new(&x), Number::new(&y), Number::new(&U256::from_be_hex(B)));
    let three_x = x + x + x;
    y * y == x * x * x - three_x + b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_own_generator_lies_on_it_and_its_neighbours_do_not() {
        let bytes = |hex: &str| <[u8; 32]>::try_from(U256::from_be_hex(hex).to_be_bytes().as_ref()).unwrap();
        let x = bytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
        let y = bytes("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
        assert!(has(&x, &y));
        assert!(!has(&y, &x));
        let mut other = y;
        other[31] ^= 1;
        assert!(!has(&x, &other));
        assert!(!has(&[0; 32], &[0; 32]) && !has(&[255; 32], &y));
    }
}
