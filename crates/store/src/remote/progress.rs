//! How far a server's indexes are, and what its statistics tell.

use std::collections::HashMap;

use crate::error::Error;
use crate::query::Value;
use crate::remote::words::{Kind, text};
use crate::remote::{Cells, Remote, first_int, string};
use crate::row::Table;
use crate::state::{About, IndexState, Stage};

/// The indexes that are being built on PostgreSQL, in thousandths. A concurrent build scans the table, sorts, loads what
/// it has sorted, then looks through index and table once more; how these share the time is a guess.
const POSTGRES_BUILDING: &str = "SELECT c.relname::text, (CASE p.phase \
     WHEN 'building index: scanning table' THEN 400 * p.blocks_done / greatest(p.blocks_total, 1) \
     WHEN 'building index: sorting live tuples' THEN 400 WHEN 'building index: sorting dead tuples' THEN 400 \
     WHEN 'building index: loading tuples in tree' THEN 400 + 300 * p.tuples_done / greatest(p.tuples_total, 1) \
     WHEN 'waiting for writers before validation' THEN 700 \
     WHEN 'index validation: scanning index' THEN 700 + 100 * p.blocks_done / greatest(p.blocks_total, 1) \
     WHEN 'index validation: sorting tuples' THEN 800 \
     WHEN 'index validation: scanning table' THEN 800 + 200 * p.blocks_done / greatest(p.blocks_total, 1) \
     WHEN 'waiting for old snapshots' THEN 1000 WHEN 'waiting for readers before marking dead' THEN 1000 \
     ELSE 0 END)::bigint \
     FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.index_relid \
     WHERE p.datname = current_database()";
/// What MariaDB's threads are at that tell a progress: their statement, and thousandths.
const MARIADB_BUILDING: &str = "SELECT info, \
     CAST(1000 * (greatest(stage, 1) - 1 + progress / 100) / greatest(max_stage, 1) AS SIGNED) \
     FROM information_schema.processlist WHERE max_stage > 0 AND db = database()";

impl Remote {
    /// How far each index is.
    pub(crate) async fn index_states(&self) -> Result<Vec<IndexState>, Error> {
        let sql = self.kind.sql("SELECT name, tbl, state, note FROM idx", Vec::new());
        let wanted = self.pool.query(&sql).await?;
        let is_building = |row: &Cells| matches!(string(row, 2).as_str(), "wanted" | "made");
        let done = match wanted.iter().any(is_building) {
            true => self.building(&wanted).await?,
            false => HashMap::new(),
        };
        Ok(wanted.iter().map(|row| state(row, &done)).collect())
    }

    /// The parts done of those that are being built.
    async fn building(&self, wanted: &[Cells]) -> Result<HashMap<String, f32>, Error> {
        let sql = self.kind.either(POSTGRES_BUILDING, MARIADB_BUILDING);
        let found = self.pool.query(&self.kind.sql(sql, Vec::new())).await?;
        let mut done = HashMap::new();
        for row in &found {
            let Some(Value::Int(thousandths)) = row.get(1) else { continue };
            let told = string(row, 0);
            let is_it = |name: &str| match self.kind {
                Kind::Postgres => told == name,
                Kind::MariaDb => told.contains(&format!("\"{name}\"")) || told.contains(&format!("`{name}`")),
            };
            for name in wanted.iter().map(|row| string(row, 0)).filter(|name| is_it(name)) {
                #[expect(clippy::cast_precision_loss, reason = "a part in thousandths")]
                done.insert(name, (*thousandths as f32 / 1_000.0).clamp(0.0, 1.0));
            }
        }
        Ok(done)
    }

    /// The server, and the size of the database: MariaDB's as its statistics have it, which lag.
    pub(crate) async fn about(&self) -> Result<About, Error> {
        let sql = self.kind.either(
            "SELECT pg_database_size(current_database())::bigint",
            "SELECT CAST(coalesce(sum(data_length + index_length), 0) AS SIGNED) \
             FROM information_schema.tables WHERE table_schema = database()",
        );
        let bytes = first_int(&self.pool.query(&self.kind.sql(sql, Vec::new())).await?);
        let (name, version) = (self.kind.either("PostgreSQL", "MariaDB"), self.pool.version());
        let version = version.split('-').next().unwrap_or_default();
        Ok(About { engine: format!("{name} {version}"), bytes: u64::try_from(bytes).ok() })
    }

    /// What the statistics say of a table; `None` when they know nothing of it yet.
    pub(crate) async fn count_about(&self, table: &Table) -> Result<Option<u64>, Error> {
        let sql = self.kind.either(
            "SELECT reltuples::bigint FROM pg_class \
             WHERE relname = ?t AND relnamespace = current_schema()::regnamespace AND relpages > 0",
            "SELECT CAST(table_rows AS SIGNED) FROM information_schema.tables \
             WHERE table_schema = database() AND table_name = ?t",
        );
        let found = self.pool.query(&self.kind.sql(sql, vec![text(&format!("r_{table}"))])).await?;
        Ok(match found.first().and_then(|row| row.first()) {
            Some(Value::Int(count)) => u64::try_from(*count).ok(),
            _ => None,
        })
    }
}

fn state(row: &Cells, done: &HashMap<String, f32>) -> IndexState {
    let name = string(row, 0);
    let stage = match string(row, 2).as_str() {
        "ready" => Stage::Ready,
        "failed" => Stage::Failed { why: string(row, 3) },
        "unwanted" | "leaving" => Stage::Leaving,
        _ => Stage::Building { progress: done.get(&name).copied() },
    };
    IndexState { table: Table::new(&string(row, 1)), name, stage }
}
