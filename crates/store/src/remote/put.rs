//! Rows that arrive from another engine: written as they are, with their versions, and without a change in the log.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Error;
use crate::moving::{Claim, Manner};
use crate::query::Value;
use crate::remote::tx::row_values;
use crate::remote::words::{self, Kind, text};
use crate::remote::{Tx, int, string};
use crate::row::{Row, Table};

/// Rows that one statement writes; the rest goes in smaller ones, so that there are few different statements.
pub(super) const ROW_SIZES: [usize; 3] = [64, 8, 1];
/// Bytes of bodies after which a statement is sent: servers limit what they take at once.
const BYTES_MAX: usize = 1 << 20;
/// Records that one statement deletes, filled up in the same way.
pub(super) const ID_SIZES: [usize; 3] = [256, 16, 1];

impl Tx {
    /// Takes records away, then writes rows: new ones in this order at the end, others in their places.
    pub(crate) async fn put(
        &mut self,
        table: &Table,
        gone: &[Arc<str>],
        rows: &[Row],
        manner: Manner,
    ) -> Result<(), Error> {
        self.take_away(table, gone).await?;
        match manner {
            Manner::Over => self.put_over(table, &rows.iter().collect::<Vec<_>>()).await,
            Manner::Aside => self.put_aside(table, rows).await,
        }
    }

    async fn put_over(&mut self, table: &Table, rows: &[&Row]) -> Result<(), Error> {
        let upsert = match self.remote.kind {
            Kind::Postgres => {
                "ON CONFLICT (id) DO UPDATE SET rev=excluded.rev, shape=excluded.shape, body=excluded.body"
            }
            Kind::MariaDb => {
                "ON DUPLICATE KEY UPDATE rev=VALUES(rev), shape=VALUES(shape), body=VALUES(body)"
            }
        };
        for rows in portions(rows, &ROW_SIZES, |row| row.body.len()) {
            let places = vec!["(?t,?i,?i,?j)"; rows.len()].join(",");
            let sql =
                format!("INSERT INTO {}(id,rev,shape,body) VALUES {places} {upsert}", words::quoted(table));
            self.execute(&sql, rows.iter().flat_map(|row| row_values(row)).collect()).await?;
        }
        Ok(())
    }

    /// Takes away those that are there and gives them back with their places, then writes those that are new.
    async fn put_aside(&mut self, table: &Table, rows: &[Row]) -> Result<(), Error> {
        let ids: Vec<Arc<str>> = rows.iter().map(|row| Arc::from(row.id.as_str())).collect();
        let mut places: HashMap<String, i64> = HashMap::new();
        for ids in portions(&ids, &ID_SIZES, |_| 0) {
            let sql =
                format!("SELECT id,n FROM {} WHERE id IN {}", words::quoted(table), words::texts(ids.len()));
            let found = self.query(&sql, ids.iter().cloned().map(Value::Text).collect()).await?;
            places.extend(found.iter().map(|row| (string(row, 0), int(row, 1))));
        }
        self.take_away(table, &ids).await?;
        let (known, new): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| places.contains_key(&row.id));
        let numbered = self.remote.kind.either("OVERRIDING SYSTEM VALUE", "");
        for rows in portions(&known, &ROW_SIZES, |row| row.body.len()) {
            let sql = format!(
                "INSERT INTO {}(id,rev,shape,body,n) {numbered} VALUES {}",
                words::quoted(table),
                vec!["(?t,?i,?i,?j,?i)"; rows.len()].join(",")
            );
            let values = |row: &&Row| [row_values(row), vec![Value::Int(places[&row.id])]].concat();
            self.execute(&sql, rows.iter().flat_map(values).collect()).await?;
        }
        self.put_over(table, &new).await
    }

    async fn take_away(&mut self, table: &Table, ids: &[Arc<str>]) -> Result<(), Error> {
        for ids in portions(ids, &ID_SIZES, |_| 0) {
            let sql = format!("DELETE FROM {} WHERE id IN {}", words::quoted(table), words::texts(ids.len()));
            self.execute(&sql, ids.iter().cloned().map(Value::Text).collect()).await?;
        }
        Ok(())
    }

    /// Keeps claims of writes, those that are there over again.
    pub(crate) async fn put_claims(&mut self, claims: &[Claim]) -> Result<(), Error> {
        let upsert = self.remote.kind.either(
            "ON CONFLICT (name) DO UPDATE SET fingerprint=excluded.fingerprint, write_id=excluded.write_id, \
             at=excluded.at, answer=excluded.answer",
            "ON DUPLICATE KEY UPDATE fingerprint=VALUES(fingerprint), write_id=VALUES(write_id), at=VALUES(at), \
             answer=VALUES(answer)",
        );
        for claims in portions(claims, &ROW_SIZES, |claim| claim.answer.len()) {
            let places = vec!["(?t,?t,?t,?i,?t)"; claims.len()].join(",");
            let sql =
                format!("INSERT INTO once(name,fingerprint,write_id,at,answer) VALUES {places} {upsert}");
            let values = |claim: &Claim| {
                let Claim { name, fingerprint, write, at, answer } = claim;
                [text(name), text(fingerprint), text(write), Value::Int(*at), text(answer)]
            };
            self.execute(&sql, claims.iter().flat_map(values).collect()).await?;
        }
        Ok(())
    }

    /// Empties the log and lets positions begin after this one.
    pub(crate) async fn begin_at(&mut self, position: i64) -> Result<(), Error> {
        self.execute("DELETE FROM gone", Vec::new()).await?;
        self.execute("DELETE FROM \"change\"", Vec::new()).await?;
        self.execute("UPDATE head SET pos=?i WHERE id=1", vec![Value::Int(position)]).await.map(drop)
    }
}

/// Parts of some items, in order, each of one of the sizes, and cut short where they are too heavy together.
pub(super) fn portions<'a, T>(items: &'a [T], sizes: &[usize], weight: impl Fn(&T) -> usize) -> Vec<&'a [T]> {
    let (mut rest, mut parts) = (items, Vec::new());
    while !rest.is_empty() {
        let mut total = 0;
        let light = rest.iter().take_while(|item| {
            total += weight(item);
            total <= BYTES_MAX
        });
        let light = light.count().max(1);
        let size = sizes.iter().copied().find(|size| *size <= light).unwrap_or(1);
        let (part, left) = rest.split_at(size);
        parts.push(part);
        rest = left;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_have_few_sizes_and_none_is_too_heavy() {
        let lengths = |items: &[usize]| -> Vec<usize> {
            portions(items, &ROW_SIZES, |weight| *weight).iter().map(|part| part.len()).collect()
        };
        assert_eq!(lengths(&[0; 75]), [64, 8, 1, 1, 1]);
        assert_eq!(lengths(&[BYTES_MAX / 2; 9]), [1; 9]);
        assert_eq!(lengths(&[BYTES_MAX * 2]), [1]);
        assert_eq!(lengths(&[]), [0; 0]);
    }
}
