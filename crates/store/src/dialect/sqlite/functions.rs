//! Functions that our SQL calls and SQLite does not bring along.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// The mean radius of the earth.
const EARTH_KM: f64 = 6371.0;

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("geo_distance", 4, flags, |context| {
        let degrees = |i| number(context, i);
        let (Some(lon_a), Some(lat_a), Some(lon_b), Some(lat_b)) =
            (degrees(0), degrees(1), degrees(2), degrees(3))
        else {
            return Ok(None);
        };
        Ok(Some(distance_km((lon_a, lat_a), (lon_b, lat_b))))
    })
}

/// An argument as a number; texts count where they read as one.
fn number(context: &Context<'_>, index: usize) -> Option<f64> {
    match context.get_raw(index) {
        #[expect(clippy::cast_precision_loss, reason = "degrees are small")]
        ValueRef::Integer(whole) => Some(whole as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// The great-circle distance of two points given as (longitude, latitude) in degrees, by the haversine formula.
fn distance_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half_chord = ((b.1 - a.1).to_radians() / 2.0).sin().powi(2)
        + a.1.to_radians().cos() * b.1.to_radians().cos() * ((b.0 - a.0).to_radians() / 2.0).sin().powi(2);
    2.0 * EARTH_KM * half_chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::distance_km;

    #[test]
    fn seoul_and_busan_are_325_km_apart() {
        let km = distance_km((126.9780, 37.5665), (129.0756, 35.1796));
        assert!((km - 325.0).abs() < 1.0, "{km}");
        assert!(distance_km((1.0, 2.0), (1.0, 2.0)).abs() < 1e-9);
    }
}
