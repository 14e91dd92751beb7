//! A bank in which everybody has two accounts, and their own.

use chancery_crypto::digest::sha256;
use serde_json::{Map, Value, json};

use super::{CallResult, Toolbox};

pub struct Bank;

impl Toolbox for Bank {
    fn list(&self) -> Value {
        let account = json!({ "type": "string", "enum": ["current", "savings"], "description": "Which account; current if left out" });
        json!([
            {
                "name": "account_balance",
                "title": "Account balance",
                "description": "Says how much is in one of your accounts.",
                "inputSchema": { "type": "object", "properties": { "account": account }, "additionalProperties": false },
                "outputSchema": {
                    "type": "object",
                    "properties": { "account": { "type": "string" }, "balance": { "type": "number" }, "currency": { "type": "string" } },
                    "required": ["account", "balance", "currency"],
                },
                "annotations": { "readOnlyHint": true },
            },
            {
                "name": "transfer",
                "title": "Transfer",
                "description": "Moves money from your current account to somebody else's.",
                "inputSchema": {
                    "type": "object",
                    "properties": { "to": { "type": "string" }, "amount": { "type": "number", "exclusiveMinimum": 0 } },
                    "required": ["to", "amount"],
                    "additionalProperties": false,
                },
                "annotations": { "readOnlyHint": false, "destructiveHint": true },
            },
        ])
    }

    fn call(&self, tool: &str, arguments: &Map<String, Value>, subject: &str) -> Option<CallResult> {
        match tool {
            "account_balance" => Some(balance(arguments, subject)),
            "transfer" => Some(transfer(arguments)),
            _ => None,
        }
    }
}

fn balance(arguments: &Map<String, Value>, subject: &str) -> CallResult {
    let account = match arguments.get("account") {
        None => "current",
        Some(account) => account.as_str().unwrap_or_default(),
    };
    if !matches!(account, "current" | "savings") {
        return CallResult::Wrong("There are two accounts: current and savings.".into());
    }
    let cents = cents_of(subject, account);
    let text = format!("There are {}.{:02} EUR in the {account} account.", cents / 100, cents % 100);
    CallResult::Done { text, data: json!({ "account": account, "balance": cents as f64 / 100.0, "currency": "EUR" }) }
}

fn transfer(arguments: &Map<String, Value>) -> CallResult {
    let to = arguments.get("to").and_then(Value::as_str).filter(|to| !to.is_empty());
    let amount = arguments.get("amount").and_then(Value::as_f64).filter(|amount| *amount > 0.0);
    match (to, amount) {
        (Some(to), Some(amount)) => {
            let text = format!("{amount:.2} EUR are on their way to {to}. (No money was harmed: this is a demo.)");
            CallResult::Done { text, data: json!({ "to": to, "amount": amount, "currency": "EUR" }) }
        }
        _ => CallResult::Wrong("A transfer needs `to`, a name, and `amount`, a number above 0.".into()),
    }
}

/// Nobody's balance is anybody else's, and it is the same tomorrow.
fn cents_of(subject: &str, account: &str) -> u32 {
    let [a, b, c, ..] = sha256(format!("{subject} {account}").as_bytes());
    100_000 + u32::from_be_bytes([0, a, b, c]) % 900_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_sees_their_own_account() {
        let ask = |subject: &str, arguments: Value| match Bank.call("account_balance", arguments.as_object().unwrap(), subject) {
            Some(CallResult::Done { data, .. }) => Some(data["balance"].clone()),
            _ => None,
        };
        assert_eq!(ask("usr_1", json!({})), ask("usr_1", json!({ "account": "current" })));
        assert_ne!(ask("usr_1", json!({})), ask("usr_1", json!({ "account": "savings" })));
        assert_ne!(ask("usr_1", json!({})), ask("usr_2", json!({})));
        assert_eq!(ask("usr_1", json!({ "account": "other" })), None);
        assert_eq!(ask("usr_1", json!({ "account": 7 })), None);
    }
}
