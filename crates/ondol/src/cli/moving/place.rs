//! Where data are to go, as it is said on the command line, and what the service file is to say afterwards.

use std::path::{Path, PathBuf};

use base::secret::Secret;
use store::{Config, Engine};

use crate::failure::Failure;

/// Reads a place into a store's settings.
pub(super) fn read(to: &str, secret_file: Option<&Path>, config: &mut Config) -> Result<(), Failure> {
    if let Some(folder) = to.strip_prefix("sqlite:") {
        let folder = folder.strip_prefix("//").unwrap_or(folder);
        if folder.is_empty() {
            return Err(Failure::usage("name the folder: --to sqlite:FOLDER"));
        }
        config.engine = Engine::Sqlite;
        config.dir = PathBuf::from(folder);
        return Ok(());
    }
    config.engine =
        Engine::from_url(to).map_err(|why| Failure::usage(format!("--to: {why}, or sqlite:FOLDER")))?;
    if let (Some(path), Engine::Postgres(server) | Engine::MariaDb(server)) =
        (secret_file, &mut config.engine)
    {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the secret's file {}: {error}", path.display()))
        })?;
        server.secret = Some(Secret::new(text.trim()));
    }
    Ok(())
}

/// What is to be done now.
pub(super) fn advice(source: &Config, target: &Config, secret_file: Option<&Path>, from: &str) -> String {
    let mut lines = vec![
        "Write this into ondol.toml and start the service again; until then its writes are refused:"
            .to_owned(),
    ];
    lines.push(String::new());
    lines.push("  [database]".into());
    match &target.engine {
        Engine::Sqlite => lines.push("  engine  = \"sqlite\"".into()),
        Engine::Postgres(server) | Engine::MariaDb(server) => {
            let (word, usual) = if matches!(target.engine, Engine::Postgres(_)) {
                ("postgres", 5432)
            } else {
                ("mariadb", 3306)
            };
            let port = if server.port == usual { String::new() } else { format!(":{}", server.port) };
            lines.push(format!("  engine  = \"{word}\""));
            lines.push(format!("  address = \"{}{port}\"", server.host));
            lines.push(format!("  name    = \"{}\"", server.database));
            lines.push(format!("  user    = \"{}\"", server.user));
            if server.secret.is_some() {
                let file = secret_file.map_or("db.secret".into(), |file| file.display().to_string());
                lines.push(format!("  secret  = {{ file = \"{file}\" }}"));
            }
        }
    }
    lines.push(String::new());
    let (old, new) = (source.dir.join("storage"), target.dir.join("storage"));
    match (&target.engine, old == new) {
        (Engine::Sqlite, false) => {
            let dir = target.dir.display();
            lines.push(format!(
                "Above all tables, dir = \"{dir}\"; and move the files: they are in {} and belong into {}.",
                old.display(),
                new.display()
            ));
        }
        _ => lines.push(format!("The files stay in {}.", old.display())),
    }
    lines.push(format!(
        "What is in {from} stays as it is and refuses writes; `ondol move --back` there lets it be used again."
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_servers_url() {
        let of = |to: &str| {
            let mut config = Config::new("data");
            read(to, None, &mut config).map(|()| store::moving::place(&config)).map_err(|f| f.lines.join(""))
        };
        assert_eq!(of("postgres://kim:secret@db/floor").as_deref(), Ok("postgres://kim@db:5432/floor"));
        assert_eq!(of("mariadb://kim@db:3307/floor").as_deref(), Ok("mariadb://kim@db:3307/floor"));
        assert_eq!(of("sqlite:/srv/data").as_deref(), Ok("sqlite:/srv/data"));
        for wrong in ["sqlite:", "data", "mysql://kim@db/floor", "postgres://db/floor", "postgres://kim@db"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
