//! The collections that sign-in keeps for itself, and how their records are looked for.

use std::net::IpAddr;
use std::sync::Arc;

use base::error::Kind;
use base::time::Timestamp;
use records::core::change::{EXTERNAL_AUTHS, PASSKEYS};
use records::core::collection::Collection;
use records::core::value::Values;
use records::{Error, Principal, Records};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::Tx;
use store::query::{Compare, Expr, MAIN, Order, Select, Value as Bound};

use crate::audit::{self, Entry, Event};
use crate::service::Identity;

/// One of those collections.
pub(crate) fn collection(records: &Records, name: &str) -> Result<Arc<Collection>, Error> {
    let found = records.catalog().find(name).cloned();
    found.ok_or_else(|| Error::refused(Kind::Internal, format!("the collection {name} is missing")))
}

/// Its records for which all of these comparisons of texts hold. What names no field is left out.
pub(crate) fn select(collection: &Collection, wanted: &[(&str, Compare, &str)]) -> Select {
    let terms = wanted.iter().filter_map(|(name, compare, value)| {
        let column = Expr::Column(MAIN, collection.field(name)?.column());
        Some(Expr::Compare(Box::new(column), *compare, Box::new(Expr::Value(Bound::Text((*value).into())))))
    });
    Select { filter: Some(Expr::And(terms.collect())), ..Select::table(&collection.table()) }
}

/// Its records of an account.
pub(crate) fn of_account(collection: &Collection, account: &Principal) -> Select {
    let wanted = [
        ("collectionRef", Compare::Eq, account.collection.id.as_str()),
        ("recordRef", Compare::Eq, account.row.id.as_str()),
    ];
    select(collection, &wanted)
}

/// The same in the order of a field, the smallest first.
pub(crate) fn in_order(mut select: Select, collection: &Collection, by: &str) -> Select {
    let column = collection.field(by).map(|field| Expr::Column(MAIN, field.column()));
    select.order = column.map(|by| Order { by, descending: false }).into_iter().collect();
    select
}

/// A JSON object written in place.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// A number that is whole and not below zero; 0 for everything else.
pub(crate) fn number(values: &Values, name: &str) -> u64 {
    let number = values.0.get(name);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what we wrote is whole and small"
    )]
    let from_float = || number.and_then(Value::as_f64).map_or(0, |number| number as u64);
    number.and_then(Value::as_u64).unwrap_or_else(from_float)
}

/// A date; long ago for what is none.
pub(crate) fn date(values: &Values, name: &str) -> Timestamp {
    Timestamp::parse(values.text(name)).unwrap_or(Timestamp(0))
}

/// An id that these words always give, and no others: 77 bits of a hash, in the letters of ids.
pub(crate) fn id(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(u64::try_from(word.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(word);
    }
    let mut rest =
        hash.finalize().iter().take(16).fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    let mut id = String::with_capacity(base::id::LENGTH);
    while id.len() < base::id::LENGTH {
        id.push(char::from(base::chance::ALPHABET[usize::try_from(rest % 36).expect("below 36")]));
        rest /= 36;
    }
    id
}

/// Takes away what lets an account in besides its password: passkeys, and links to providers. Of an account that nobody has
/// verified, nobody knows who added them.
pub(crate) async fn forget_ways(
    tx: &mut Tx,
    identity: &Identity,
    account: &Principal,
    from: IpAddr,
) -> Result<(), Error> {
    for (name, event) in [(PASSKEYS, Event::FactorRemoved), (EXTERNAL_AUTHS, Event::Unlinked)] {
        let ways = collection(identity.records(), name)?;
        for row in tx.select(&of_account(&ways, account)).await? {
            tx.delete(&ways.table(), &row.id).await?;
            let entry = Entry::new(event, account).from(from).with("why", "the address was proved");
            audit::write(tx, identity, &entry).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn an_id_is_told_by_its_words_and_where_they_end() {
        assert_eq!(id(&["a", "b"]), id(&["a", "b"]));
        assert_ne!(id(&["ab", ""]), id(&["a", "b"]));
        assert_eq!(id(&[]).len(), 15);
    }
}
