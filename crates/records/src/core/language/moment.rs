//! The macros that stand for a moment or a part of it: `@now`, `@todayStart`, `@month`… All are in UTC.

use std::sync::Arc;

use base::time::Timestamp;
use store::query::Value;
use time::{Date, Duration, Month, OffsetDateTime, Time};

const DAY_END: (u8, u8, u8, u16) = (23, 59, 59, 999);

/// The value of a macro; `None` when there is none of this name.
pub(super) fn value(name: &str, now: Timestamp) -> Option<Value> {
    let name = name.strip_prefix('@')?;
    let utc = now.to_utc();
    let whole = |number: u8| Some(Value::Int(i64::from(number)));
    match name {
        "second" => whole(utc.second()),
        "minute" => whole(utc.minute()),
        "hour" => whole(utc.hour()),
        "weekday" => whole(utc.weekday().number_days_from_sunday()),
        "day" => whole(utc.day()),
        "month" => whole(u8::from(utc.month())),
        "year" => Some(Value::Int(i64::from(utc.year()))),
        _ => moment(name, utc).map(shown),
    }
}

fn moment(name: &str, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let today = now.date();
    let month_start = today.replace_day(1).ok()?;
    let end = |date: Date| {
        let (hour, minute, second, milli) = DAY_END;
        Time::from_hms_milli(hour, minute, second, milli)
            .ok()
            .map(|time| now.replace_date(date).replace_time(time))
    };
    let start = |date: Date| Some(now.replace_date(date).replace_time(Time::MIDNIGHT));
    match name {
        "now" => Some(now),
        "yesterday" => now.checked_sub(Duration::DAY),
        "tomorrow" => now.checked_add(Duration::DAY),
        "todayStart" => start(today),
        "todayEnd" => end(today),
        "monthStart" => start(month_start),
        "monthEnd" => end(today.replace_day(today.month().length(today.year())).ok()?),
        "yearStart" => start(Date::from_calendar_date(today.year(), Month::January, 1).ok()?),
        "yearEnd" => end(Date::from_calendar_date(today.year(), Month::December, 31).ok()?),
        _ => None,
    }
}

fn shown(moment: OffsetDateTime) -> Value {
    let milliseconds = moment.unix_timestamp_nanos().div_euclid(1_000_000);
    let timestamp = Timestamp(i64::try_from(milliseconds).unwrap_or(i64::MAX));
    Value::Text(Arc::from(timestamp.to_string()))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn macros_stand_for_moments_in_utc() {
        let now = Timestamp::parse("2028-02-05 23:04:06.789+01:00").unwrap();
        let all = "now second minute hour weekday day month year yesterday tomorrow todayStart todayEnd monthStart \
                   monthEnd yearStart yearEnd nothing";
        let shown: Vec<String> =
            all.split(' ').map(|name| format!("{name} {:?}", value(&format!("@{name}"), now))).collect();
        expect![[r#"
            now Some(Text("2028-02-05 22:04:06.789Z"))
            second Some(Int(6))
            minute Some(Int(4))
            hour Some(Int(22))
            weekday Some(Int(6))
            day Some(Int(5))
            month Some(Int(2))
            year Some(Int(2028))
            yesterday Some(Text("2028-02-04 22:04:06.789Z"))
            tomorrow Some(Text("2028-02-06 22:04:06.789Z"))
            todayStart Some(Text("2028-02-05 00:00:00.000Z"))
            todayEnd Some(Text("2028-02-05 23:59:59.999Z"))
            monthStart Some(Text("2028-02-01 00:00:00.000Z"))
            monthEnd Some(Text("2028-02-29 23:59:59.999Z"))
            yearStart Some(Text("2028-01-01 00:00:00.000Z"))
            yearEnd Some(Text("2028-12-31 23:59:59.999Z"))
            nothing None"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(value("now", now), None);
    }
}
