//! Keys of writes that are done once, on a server.
//!
//! The key is unique, so the second of two transactions that claim it waits at it for the first: then it finds what that
//! one did, or has the key for itself because that one has left nothing.

use tokio::time::Instant;

use crate::error::Error;
use crate::once::{Earlier, Once, expired};
use crate::query::Value;
use crate::remote::words::text;
use crate::remote::{Cells, Remote, Tx};

/// Claims that are trimmed at once, and how often in a row: more come with many writes than with few.
const TRIM_STEP: u64 = 1_000;
const TRIM_STEPS_MAX: usize = 20;

impl Tx {
    /// See `Tx::once`.
    pub(crate) async fn once(&mut self, once: &Once) -> Result<Option<Earlier>, Error> {
        let begun = Instant::now();
        let claimed = self.claim(once).await;
        // a connection waits for a lock at least that long; what ends sooner has met others
        let is_long = begun.elapsed() >= self.remote.config.write_time_max / 4;
        match claimed {
            Err(Error::Met | Error::Slow { .. }) if is_long => Err(self.end_with(Error::Pending)),
            claimed => claimed,
        }
    }

    async fn claim(&mut self, once: &Once) -> Result<Option<Earlier>, Error> {
        let claim = self.remote.kind.either(
            "INSERT INTO once(name,fingerprint,write_id,at,answer) VALUES (?t,?t,?t,?i,'') \
             ON CONFLICT (name) DO NOTHING",
            "INSERT IGNORE INTO once(name,fingerprint,write_id,at,answer) VALUES (?t,?t,?t,?i,'')",
        );
        let (write, at) = self.stamp();
        let values = [text(&once.key), text(&once.fingerprint), text(&write), Value::Int(at.0)];
        if self.execute(claim, values.to_vec()).await? == 1 {
            return Ok(None);
        }
        let sql = "SELECT fingerprint,answer,write_id,at FROM once WHERE name=?t";
        let found = self.query(sql, vec![text(&once.key)]).await?;
        let Some([Value::Text(fingerprint), Value::Text(answer), Value::Text(writer), Value::Int(since)]) =
            found.first().map(Cells::as_slice)
        else {
            // trimmed, or taken back, a moment ago
            return Err(self.end_with(Error::Met));
        };
        if **writer == *write {
            // by an earlier run of this write, in doubt until now: it has been committed
            return Err(self.end_with(Error::Met));
        }
        if *since > expired(at, self.remote.config.once_kept) {
            return Ok(Some(Earlier { fingerprint: fingerprint.to_string(), answer: answer.to_string() }));
        }
        let sql = "UPDATE once SET fingerprint=?t,write_id=?t,at=?i,answer='' WHERE name=?t AND at=?i";
        let [key, fingerprint, write, at] = values;
        match self.execute(sql, vec![fingerprint, write, at, key, Value::Int(*since)]).await? {
            1 => Ok(None),
            _ => Err(self.end_with(Error::Met)),
        }
    }

    /// See `Tx::keep_answer`.
    pub(crate) async fn keep_answer(&mut self, key: &str, answer: &str) -> Result<(), Error> {
        self.execute("UPDATE once SET answer=?t WHERE name=?t", vec![text(answer), text(key)]).await.map(drop)
    }
}

impl Remote {
    /// See `Store::earlier`.
    pub(crate) async fn earlier(&self, key: &str) -> Result<Option<Earlier>, Error> {
        let sql = "SELECT fingerprint,answer FROM once WHERE name=?t AND at>?i";
        let sql = self.kind.sql(sql, vec![text(key), Value::Int(self.once_expired())]);
        let found = self.patiently(|| self.pool.brief(&sql)).await?;
        Ok(match found.first().map(Cells::as_slice) {
            Some([Value::Text(fingerprint), Value::Text(answer)]) => {
                Some(Earlier { fingerprint: fingerprint.to_string(), answer: answer.to_string() })
            }
            _ => None,
        })
    }

    /// Deletes claims that count no longer, by small steps. Every server does it; those who meet delete less.
    pub(super) async fn trim_once(&self) -> Result<(), Error> {
        for _ in 0..TRIM_STEPS_MAX {
            if self.trim_once_by_a_step().await? < TRIM_STEP {
                break;
            }
        }
        Ok(())
    }

    async fn trim_once_by_a_step(&self) -> Result<u64, Error> {
        let until = Value::Int(self.once_expired());
        let sql = "SELECT name FROM once WHERE at<=?i LIMIT 1";
        if self.pool.brief(&self.kind.sql(sql, vec![until.clone()])).await?.is_empty() {
            return Ok(0);
        }
        let sql = self.kind.either(
            "DELETE FROM once WHERE name IN (SELECT name FROM once WHERE at<=?i ORDER BY at LIMIT ?i \
             FOR UPDATE SKIP LOCKED)",
            "DELETE FROM once WHERE at<=?i ORDER BY at LIMIT ?i",
        );
        let mut link = self.pool.take().await?;
        link.begin().await?;
        let step = Value::Int(TRIM_STEP.cast_signed());
        let count = link.execute(&self.kind.sql(sql, vec![until, step])).await?;
        link.commit().await?;
        Ok(count)
    }

    fn once_expired(&self) -> i64 {
        expired(self.clock.now(), self.config.once_kept)
    }
}
