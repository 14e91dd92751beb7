//! A currency exchange whose rates never move.

use serde_json::{Map, Value, json};

use super::{CallResult, Toolbox};

pub struct Exchange;

/// What one euro buys.
const RATES: &[(&str, f64)] = &[("EUR", 1.0), ("USD", 1.1), ("GBP", 0.85), ("CHF", 0.95), ("JPY", 160.0)];

impl Toolbox for Exchange {
    fn list(&self) -> Value {
        let names: Vec<&str> = RATES.iter().map(|(name, _)| *name).collect();
        let currency = |what: &str| json!({ "type": "string", "enum": names, "description": what });
        json!([{
            "name": "convert",
            "title": "Convert",
            "description": "Says what an amount of one currency is in another.",
            "inputSchema": {
                "type": "object",
                "properties": { "amount": { "type": "number" }, "from": currency("What you have"), "to": currency("What you want") },
                "required": ["amount", "from", "to"],
                "additionalProperties": false,
            },
            "outputSchema": {
                "type": "object",
                "properties": { "amount": { "type": "number" }, "currency": { "type": "string" } },
                "required": ["amount", "currency"],
            },
            "annotations": { "readOnlyHint": true },
        }])
    }

    fn call(&self, tool: &str, arguments: &Map<String, Value>, _subject: &str) -> Option<CallResult> {
        (tool == "convert").then(|| convert(arguments).unwrap_or_else(wrong))
    }
}

fn convert(arguments: &Map<String, Value>) -> Option<CallResult> {
    let amount = arguments.get("amount")?.as_f64()?;
    let rate = |side: &str| {
        let name = arguments.get(side)?.as_str()?;
        RATES.iter().find(|(known, _)| *known == name)
    };
    let ((from, per_euro_from), (to, per_euro_to)) = (rate("from")?, rate("to")?);
    let converted = (amount / per_euro_from * per_euro_to * 100.0).round() / 100.0;
    let text = format!("{amount:.2} {from} are {converted:.2} {to}.");
    Some(CallResult::Done { text, data: json!({ "amount": converted, "currency": to }) })
}

fn wrong() -> CallResult {
    let names: Vec<&str> = RATES.iter().map(|(name, _)| *name).collect();
    CallResult::Wrong(format!("A conversion needs `amount`, a number, and `from` and `to`, of {}.", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_converted_by_way_of_the_euro() {
        let ask = |arguments: Value| match Exchange.call("convert", arguments.as_object().unwrap(), "usr_1") {
            Some(CallResult::Done { data, .. }) => Some(data["amount"].clone()),
            _ => None,
        };
        assert_eq!(ask(json!({ "amount": 10, "from": "EUR", "to": "USD" })), Some(json!(11.0)));
        assert_eq!(ask(json!({ "amount": 160, "from": "JPY", "to": "GBP" })), Some(json!(0.85)));
        assert_eq!(ask(json!({ "amount": "10", "from": "EUR", "to": "USD" })), None);
        assert_eq!(ask(json!({ "amount": 10, "from": "EUR", "to": "XXX" })), None);
        assert_eq!(ask(json!({})), None);
    }
}
