//! Further gateways in the server's configuration: the lines that an operator takes the marks from.

/// The name in the marked lines.
const SECOND: &str = "gw2";

/// The names of `count` further gateways at `domain`.
pub(super) fn names(count: usize, domain: &str) -> impl Iterator<Item = String> {
    (2..count + 2).map(move |n| format!("gw{n}.{domain}"))
}

/// A file of `config/` in which each run of lines marked `[gw2]` stands, without the marks, once for each of `count`
/// further gateways. `comment` begins a comment in that file.
pub(super) fn let_in(config: &str, comment: &str, count: usize) -> String {
    let mark = format!("{comment} [{SECOND}]");
    let mut text = String::new();
    let mut run = String::new();
    for line in config.lines() {
        match line.split_once(&mark) {
            Some((indent, rest)) if indent.trim().is_empty() => {
                let rest = rest.strip_prefix(' ').unwrap_or(rest);
                run.push_str(&format!("{indent}{rest}\n"));
            }
            _ => {
                text.push_str(&repeated(&std::mem::take(&mut run), count));
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text + &repeated(&run, count)
}

fn repeated(run: &str, count: usize) -> String {
    (2..count + 2).map(|n| run.replace(SECOND, &format!("gw{n}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_lines_stand_once_for_each_gateway() {
        let config = "a: 1 # [gw2] means more\n  # [gw2] - gw2.example.org:\n  # [gw2]   x: 1\nb:\n# [gw2] gw2\n";
        let head = "a: 1 # [gw2] means more\n";
        assert_eq!(let_in(config, "#", 0), format!("{head}b:\n"));
        let (two, three) = ("  - gw2.example.org:\n    x: 1\n", "  - gw3.example.org:\n    x: 1\n");
        assert_eq!(let_in(config, "#", 2), format!("{head}{two}{three}b:\ngw2\ngw3\n"));
        assert_eq!(names(2, "example.org").collect::<Vec<_>>(), ["gw2.example.org", "gw3.example.org"]);
    }
}
