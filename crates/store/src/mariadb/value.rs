//! Values as the driver binds them, and its rows as ours.
//!
//! Invariant: an unsigned number beyond `i64` and a date are not in our tables; to meet one is a fault of the program.

use mysql_async::Value as Theirs;
use mysql_async::consts::ColumnType;

use crate::error::Error;
use crate::query::Value;
use crate::remote::Cells;
use crate::row::Row;

/// A value to bind.
pub(super) fn bound(value: &Value) -> Theirs {
    match value {
        Value::Null => Theirs::NULL,
        Value::Bool(is_true) => Theirs::Int(i64::from(*is_true)),
        Value::Int(whole) => Theirs::Int(*whole),
        Value::Real(number) => Theirs::Double(*number),
        Value::Text(text) => Theirs::Bytes(text.as_bytes().to_vec()),
    }
}

/// The bytes that a value takes in a packet, about.
pub(super) fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() + 16,
        _ => 16,
    }
}

/// A row of any columns.
pub(super) fn cells(row: mysql_async::Row) -> Result<Cells, Error> {
    let columns = row.columns();
    let values = row.unwrap_raw().into_iter().zip(columns.iter());
    values.map(|(value, column)| cell(value.unwrap_or(Theirs::NULL), column.column_type())).collect()
}

/// A row with the columns id, rev, shape, body.
pub(super) fn record(row: mysql_async::Row) -> Result<Row, Error> {
    let mut values = row.unwrap_raw().into_iter();
    let mut next = || values.next().flatten().unwrap_or(Theirs::NULL);
    Ok(Row { id: text(next())?, rev: whole(next())?, shape: whole(next())?, body: text(next())? })
}

fn cell(value: Theirs, kind: ColumnType) -> Result<Value, Error> {
    Ok(match value {
        Theirs::NULL => Value::Null,
        Theirs::Bytes(digits)
            if matches!(kind, ColumnType::MYSQL_TYPE_NEWDECIMAL | ColumnType::MYSQL_TYPE_DECIMAL) =>
        {
            Value::Real(decimal(digits)?)
        }
        Theirs::Bytes(_) => Value::Text(text(value)?.into()),
        Theirs::Float(number) => Value::Real(number.into()),
        Theirs::Double(number) => Value::Real(number),
        Theirs::Int(_) | Theirs::UInt(_) => Value::Int(whole(value)?),
        Theirs::Date(..) | Theirs::Time(..) => return Err(odd()),
    })
}

fn text(value: Theirs) -> Result<String, Error> {
    let Theirs::Bytes(bytes) = value else { return Err(odd()) };
    // a copy costs less than the standard library's look at a text that is not of ASCII
    simdutf8::compat::from_utf8(&bytes).map(str::to_owned).map_err(Error::engine)
}

fn whole(value: Theirs) -> Result<i64, Error> {
    match value {
        Theirs::Int(whole) => Ok(whole),
        Theirs::UInt(whole) => whole.try_into().map_err(Error::engine),
        _ => Err(odd()),
    }
}

fn decimal(digits: Vec<u8>) -> Result<f64, Error> {
    String::from_utf8(digits).map_err(Error::engine)?.parse().map_err(Error::engine)
}

fn odd() -> Error {
    Error::Broken { what: "a column of the database holds another kind of value than its statement says" }
}
