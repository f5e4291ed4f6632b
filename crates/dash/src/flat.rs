//! A TOML file as values by dotted key.

use std::collections::BTreeMap;

/// The values of a TOML text by dotted key, as TOML writes them; of a text that is none, nothing.
pub fn flat(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        add("", &toml::Value::Table(table), &mut values);
    }
    values
}

fn add(name: &str, value: &toml::Value, to: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let dotted = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                add(&dotted, value, to);
            }
        }
        value => drop(to.insert(name.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_dotted_keys() {
        let values = flat("a = 1\n[b]\nc = \"x\"\n[b.d]\ne = [1, 2]");
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(values, [("a", "1"), ("b.c", "\"x\""), ("b.d.e", "[1, 2]")]);
        assert!(flat("= no").is_empty());
    }
}
