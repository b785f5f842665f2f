//! Relative names of files in a configuration, which are looked for beside it, wherever the program is started.

use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Keys that name a file; in `{ file = … }` it holds a secret.
const FILES: [&str; 2] = ["file", "ca_file"];

/// The text of the configuration in `folder`, with whole names of the files that it names; every line stays where it is. One
/// that is no TOML is left as it is: who reads it next says so.
pub(super) fn absolute(folder: &Path, text: String) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text };
    let mut changed = false;
    of_table(folder, document.as_table_mut(), &mut changed);
    if changed { document.to_string() } else { text }
}

fn of_table(folder: &Path, table: &mut dyn TableLike, changed: &mut bool) {
    for (key, item) in table.iter_mut() {
        if FILES.contains(&key.get())
            && let Item::Value(Value::String(name)) = item
        {
            let path = Path::new(name.value());
            if path.is_relative() && !name.value().is_empty() {
                let decor = name.decor().clone();
                *name = toml_edit::Formatted::new(folder.join(path).display().to_string());
                *name.decor_mut() = decor;
                *changed = true;
            }
            continue;
        }
        of_item(folder, item, changed);
    }
}

fn of_item(folder: &Path, item: &mut Item, changed: &mut bool) {
    if let Item::ArrayOfTables(tables) = item {
        tables.iter_mut().for_each(|table| of_table(folder, table, changed));
    } else if let Some(table) = item.as_table_like_mut() {
        of_table(folder, table, changed);
    } else if let Some(list) = item.as_array_mut() {
        list.iter_mut().for_each(|value| of_value(folder, value, changed));
    }
}

fn of_value(folder: &Path, value: &mut Value, changed: &mut bool) {
    match value {
        Value::InlineTable(table) => of_table(folder, table, changed),
        Value::Array(list) => list.iter_mut().for_each(|value| of_value(folder, value, changed)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_files_are_changed_and_every_line_stays() {
        let text = "[component]\n# a comment\nsecret = { file = \"s\" } # there\nname = \"file\"\n[c2s]\nca_file = \"tls/ca.pem\"\n\
                    [[qtalk.keys]]\nkey = { file = '/run/k' }\n[maxleap]\napps = [{ id = \"1\", keys = [\n  { file = \"k\" },\n] }]\n";
        let expected = "[component]\n# a comment\nsecret = { file = \"/etc/x/s\" } # there\nname = \"file\"\n[c2s]\nca_file = \"/etc/x/tls/ca.pem\"\n\
                        [[qtalk.keys]]\nkey = { file = '/run/k' }\n[maxleap]\napps = [{ id = \"1\", keys = [\n  { file = \"/etc/x/k\" },\n] }]\n";
        assert_eq!(absolute(Path::new("/etc/x"), text.into()), expected);
        for same in ["", "a = = 1", "[a]\nb = { file = \"/abs\" }\n"] {
            assert_eq!(absolute(Path::new("/etc/x"), same.into()), same);
        }
    }
}
