//! Functions of the language: `geoDistance` and `strftime`.

use store::query::{Expr, Func};

use super::constant::Affinity;
use super::operand::{Nothing, Operand, all_of};
use super::resolve::{Base, Resolver};
use super::token::{Literal, Wrong};

impl<'a> Resolver<'a> {
    pub(super) fn call(
        &mut self,
        base: &Base<'a>,
        name: &str,
        arguments: &[(Literal<'_>, usize)],
        at: usize,
    ) -> Result<Operand, Wrong> {
        match name {
            "geoDistance" => self.geo_distance(base, arguments, at),
            "strftime" => self.strftime(base, arguments, at),
            _ => {
                let advice = "; there are geoDistance(lon, lat, lon, lat) and strftime(format, date, …)";
                Err(Wrong::new(format!("unknown function {name:?}"), at, advice))
            }
        }
    }

    /// Of several values one is enough, as for the arguments of any function but `strftime`'s date.
    fn geo_distance(
        &mut self,
        base: &Base<'a>,
        arguments: &[(Literal<'_>, usize)],
        at: usize,
    ) -> Result<Operand, Wrong> {
        if arguments.len() != 4 {
            let what = format!("geoDistance with {} arguments", arguments.len());
            return Err(Wrong::new(what, at, "; it takes longitude, latitude, longitude, latitude"));
        }
        let (mut values, mut guards) = (Vec::with_capacity(4), Vec::new());
        for (argument, at) in arguments {
            if matches!(argument, Literal::Text(_)) {
                return Err(Wrong::new(
                    "a text as an argument of geoDistance",
                    *at,
                    "; use a number or a field",
                ));
            }
            let operand = self.literal(base, argument, *at)?;
            values.push(operand.expr);
            guards.extend(operand.guard);
        }
        let distance = Operand::new(Expr::Call(Func::GeoDistance, values), Affinity::Nothing);
        let guard = (!guards.is_empty()).then(|| all_of(guards));
        Ok(Operand { nothing: Nothing::Itself, is_loose: true, guard, ..distance })
    }

    fn strftime(
        &mut self,
        base: &Base<'a>,
        arguments: &[(Literal<'_>, usize)],
        at: usize,
    ) -> Result<Operand, Wrong> {
        let Some(((Literal::Text(_), _), rest)) = arguments.split_first() else {
            let advice = "; its first argument is a format in quotes";
            return Err(Wrong::new("strftime without a format", at, advice));
        };
        if let Some((_, at)) = rest.iter().skip(1).find(|(literal, _)| !matches!(literal, Literal::Text(_))) {
            return Err(Wrong::new("a modifier of strftime that is no text", *at, ""));
        }
        let mut operands = Vec::with_capacity(arguments.len());
        for (argument, at) in arguments {
            operands.push(self.literal(base, argument, *at)?);
        }
        if operands.len() == 1 {
            // without a date: the present moment of the request, not of the engine
            let now = super::constant::text(&self.scope.now.to_string());
            operands.push(Operand::constant(now));
        }
        let values: Vec<Expr> = operands.iter().map(|operand| operand.expr.clone()).collect();
        let date = operands.swap_remove(1);
        let many = date.many.map(|mut many| {
            let mut values = values.clone();
            values[1] = many.value;
            many.value = Expr::Call(Func::Strftime, values);
            many
        });
        let text = Operand::new(Expr::Call(Func::Strftime, values), Affinity::Nothing);
        Ok(Operand { nothing: Nothing::Empty, many, guard: date.guard, ..text })
    }
}
