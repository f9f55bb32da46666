//! Functions that no comparison needs: lengths and distances.

use super::Engine;
use super::kind::Kind;
use crate::dialect::piece::{Piece, fill};
use crate::dialect::writer::Writer;
use crate::query::{Expr, Value};

impl<E: Engine> Writer<E> {
    /// A value that is no list counts as a list of itself, and as none when it is empty or absent.
    pub(super) fn list_length(&mut self, arguments: &[Expr]) -> Piece {
        let json = arguments.first().and_then(|list| self.json(list)).unwrap_or_else(|| {
            self.refuse("the length of something that is neither a field nor a constant");
            Piece::new("NULL")
        });
        fill(E::WORDS.length, &[&json])
    }

    pub(super) fn distance(&mut self, arguments: &[Expr]) -> Piece {
        let degrees: Vec<Piece> = arguments.iter().map(|one| self.degrees(one)).collect();
        match degrees.iter().collect::<Vec<_>>().as_slice() {
            all @ [_, _, _, _] => fill(E::WORDS.distance, all),
            _ => Piece::new(E::WORDS.no_number),
        }
    }

    /// An argument as a number; texts count where they read as one.
    fn degrees(&mut self, expr: &Expr) -> Piece {
        match (self.kind(expr), expr) {
            (Kind::Null, _) => Piece::new(E::WORDS.no_number),
            (Kind::Number | Kind::Truth, Expr::Value(Value::Int(_))) => {
                let number = self.number(expr);
                fill("({0}+0.0)", &[&number])
            }
            (Kind::Number | Kind::Truth, _) => self.number(expr),
            (Kind::Text, _) => {
                let text = self.text(expr);
                of_text::<E>(&text)
            }
            (Kind::Dynamic, _) => {
                let (rank, number, text) =
                    (self.part(expr, super::Part::Rank), self.number(expr), self.text(expr));
                fill("CASE {0} WHEN 0 THEN {1} WHEN 1 THEN {2} END", &[&rank, &number, &of_text::<E>(&text)])
            }
        }
    }
}

fn of_text<E: Engine>(text: &Piece) -> Piece {
    let reads = fill(E::WORDS.reads_as_number, &[text]);
    fill("CASE WHEN {0} THEN {1} END", &[&reads, &fill(E::WORDS.number_of_text, &[text])])
}
