//! Selections made by chance from a seed: well-formed, of all forms that there are, over the tables of this suite.

use store::Table;
use store::query::{Alias, Column, Compare, Expr, Func, Join, MAIN, Order, Scalar, Select, Source, Value};

/// Gives the same selections for the same seed.
pub(crate) struct Generator {
    state: u64,
    last_alias: u32,
}

/// What an expression is to be.
#[derive(Clone, Copy)]
enum Sort {
    Text,
    Number,
    Any,
}

const TEXTS: [&str; 12] =
    ["", "a", "kim", "5", "hello ", "한글 제목", "😀", "É", "[\"b\"]", "z", "2026-01", "1e3"];
const NUMBERS: [f64; 8] = [0.0, 1.0, -1.5, 2.5, 10.0, 1e20, -1e300, 0.1];
const PATTERNS: [&str; 7] = ["%", "h%", "%LL%", "_im", "%한%", "5", "%\\_%"];

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, last_alias: 0 }
    }

    /// A whole question.
    pub(crate) fn select(&mut self) -> Select {
        self.last_alias = 0;
        let mut select = Select::table(&Table::new("posts"));
        select.joins = self.joins(MAIN);
        let scope = scope(MAIN, &select.joins);
        select.filter = Some(self.condition(&scope, 3));
        if self.below(3) == 0 {
            select.order = (0..=self.below(2)).map(|_| self.order(&scope)).collect();
        }
        if self.below(4) == 0 {
            (select.limit, select.offset) = (Some(self.below(6)), self.below(3));
        }
        select
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn sort(&mut self) -> Sort {
        self.pick(&[Sort::Text, Sort::Number, Sort::Any])
    }

    fn fresh(&mut self) -> Alias {
        self.last_alias += 1;
        Alias(self.last_alias)
    }

    fn joins(&mut self, main: Alias) -> Vec<Join> {
        let mut joins = Vec::new();
        if self.below(2) == 0 {
            let alias = self.fresh();
            joins.push(Join { alias, ..by_id(alias, field(main, "author", Scalar::One)) });
        }
        if self.below(2) == 0 {
            let alias = self.fresh();
            let on = Expr::And(vec![]);
            joins.push(Join { alias, source: Source::Each(field(main, "tags", Scalar::List)), on });
        }
        if self.below(3) == 0 {
            let alias = self.fresh();
            let source = Source::Table(Table::new("members"));
            let on = equal(field(alias, "user", Scalar::Text), field(main, "author", Scalar::One));
            joins.push(Join { alias, source, on });
            let user = self.fresh();
            joins.push(by_id(user, field(alias, "user", Scalar::Text)));
        }
        joins
    }

    fn order(&mut self, scope: &[(Alias, Kind)]) -> Order {
        let (alias, kind) = self.pick(scope);
        let sort = self.sort();
        let column = self.column(alias, kind, sort);
        let by = match self.below(4) {
            0 => Expr::Call(Func::Lower, vec![column]),
            1 => self.first(Sort::Any),
            _ => column,
        };
        Order { by, descending: self.below(2) == 0 }
    }

    fn condition(&mut self, scope: &[(Alias, Kind)], depth: u64) -> Expr {
        match self.below(if depth == 0 { 6 } else { 10 }) {
            0..=2 => {
                let sort = self.sort();
                let (left, right) = (self.value(scope, sort, depth), self.value(scope, sort, depth));
                let how = self.pick(&[
                    Compare::Eq,
                    Compare::Ne,
                    Compare::Gt,
                    Compare::Ge,
                    Compare::Lt,
                    Compare::Le,
                ]);
                Expr::Compare(Box::new(left), how, Box::new(right))
            }
            3 => {
                let (left, pattern) = (self.value(scope, Sort::Text, depth), self.pick(&PATTERNS));
                let how = self.pick(&[Compare::Like, Compare::NotLike]);
                Expr::Compare(Box::new(left), how, Box::new(text(pattern)))
            }
            4 => {
                let (left, right) = (self.value(scope, Sort::Any, depth), self.value(scope, Sort::Any, 0));
                let around = Expr::Call(Func::Concat, vec![text("%"), right, text("%")]);
                Expr::Compare(Box::new(left), Compare::Like, Box::new(around))
            }
            5 => Expr::IsNull(Box::new(self.value(scope, Sort::Any, depth))),
            6 => Expr::Not(Box::new(self.condition(scope, depth - 1))),
            7 => Expr::And((0..=self.below(2)).map(|_| self.condition(scope, depth - 1)).collect()),
            8 => Expr::Or((0..=self.below(2)).map(|_| self.condition(scope, depth - 1)).collect()),
            _ => {
                let alias = self.fresh();
                let joins = self.joins(MAIN);
                let mut inner = scope.to_vec();
                inner.extend(joins.iter().map(|join| (join.alias, kind(&join.source))));
                let filter = Some(self.condition(&inner, depth - 1));
                let nothing = Select::all(Source::Nothing);
                Expr::Exists(Box::new(Select { alias, joins, filter, ..nothing }))
            }
        }
    }

    fn value(&mut self, scope: &[(Alias, Kind)], sort: Sort, depth: u64) -> Expr {
        let (alias, kind) = self.pick(scope);
        match (self.below(if depth == 0 { 5 } else { 9 }), sort) {
            (0, Sort::Text) => text(self.pick(&TEXTS)),
            (0, Sort::Number) => Expr::Value(Value::Real(self.pick(&NUMBERS))),
            (0, Sort::Any) => {
                let all = [Value::Null, Value::Bool(true), Value::Int(5)];
                Expr::Value(self.pick(&all.each_ref()).clone())
            }
            (1..=4, _) => self.column(alias, kind, sort),
            (5, Sort::Number) => Expr::Call(Func::ListLength, vec![field(MAIN, "tags", Scalar::List)]),
            (5, _) => Expr::Call(Func::Lower, vec![self.value(scope, sort, 0)]),
            (6, Sort::Number) => Expr::Call(Func::Numeric, vec![field(MAIN, "room", Scalar::Number)]),
            (6, _) => Expr::Call(Func::Concat, vec![self.value(scope, sort, 0), text("")]),
            (7, _) => Expr::Call(Func::Coalesce, vec![self.value(scope, sort, 0), text("")]),
            _ => self.first(sort),
        }
    }

    fn column(&mut self, alias: Alias, kind: Kind, sort: Sort) -> Expr {
        match (kind, sort) {
            (Kind::Element, _) => Expr::Column(alias, Column::Element),
            (Kind::Post, Sort::Text) => match self.below(4) {
                0 => Expr::Column(alias, Column::Id),
                1 => field(alias, "author", Scalar::One),
                2 => field(alias, "tags", Scalar::List),
                _ => field(alias, "title", Scalar::Text),
            },
            (Kind::Post, Sort::Number) => match self.below(2) {
                0 => field(alias, "done", Scalar::Bool),
                _ => field(alias, "room", Scalar::Number),
            },
            (Kind::Post, Sort::Any) => match self.below(3) {
                0 => field(alias, "meta", Scalar::Json),
                1 => Expr::Column(alias, Column::Path("meta".into(), vec!["a".into()])),
                _ => Expr::Column(alias, Column::Path("meta".into(), vec!["0".into()])),
            },
            (Kind::User, Sort::Number) => field(alias, "age", Scalar::Number),
            (Kind::User, Sort::Text) => field(alias, "team", Scalar::One),
            (Kind::User, Sort::Any) => field(alias, "name", Scalar::Text),
            (Kind::Member, Sort::Number) => field(alias, "room", Scalar::Number),
            (Kind::Member, _) => field(alias, "user", Scalar::Text),
        }
    }

    /// The value of the first member of the post's author.
    fn first(&mut self, sort: Sort) -> Expr {
        let alias = self.fresh();
        let filter = equal(field(alias, "user", Scalar::Text), field(MAIN, "author", Scalar::One));
        let order = Order { by: field(alias, "level", Scalar::Json), descending: self.below(2) == 0 };
        let members = Select::all(Source::Table(Table::new("members")));
        let members = Select { alias, filter: Some(filter), order: vec![order], ..members };
        Expr::First(Box::new(members), Box::new(self.column(alias, Kind::Member, sort)))
    }
}

/// What a source has.
#[derive(Clone, Copy)]
enum Kind {
    Post,
    User,
    Member,
    Element,
}

fn kind(source: &Source) -> Kind {
    match source {
        Source::Table(table) if table.as_str() == "users" => Kind::User,
        Source::Table(_) => Kind::Member,
        _ => Kind::Element,
    }
}

fn scope(main: Alias, joins: &[Join]) -> Vec<(Alias, Kind)> {
    let joined = joins.iter().map(|join| (join.alias, kind(&join.source)));
    [(main, Kind::Post), (main, Kind::Post)].into_iter().chain(joined).collect()
}

fn by_id(alias: Alias, id: Expr) -> Join {
    let source = Source::Table(Table::new("users"));
    Join { alias, source, on: equal(Expr::Column(alias, Column::Id), id) }
}

fn field(alias: Alias, key: &str, scalar: Scalar) -> Expr {
    Expr::Column(alias, Column::Field(key.into(), scalar))
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::Text(value.into()))
}

fn equal(left: Expr, right: Expr) -> Expr {
    Expr::Compare(Box::new(left), Compare::Eq, Box::new(right))
}
