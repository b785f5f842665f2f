//! The pages: the README stays short, and every link to a file or to a heading leads somewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A newcomer reads it whole.
const README_BYTES: usize = 8000;

/// What the pages at the root are named like; the changelog is a record and links to nothing here.
const AT_ROOT: [&str; 3] = ["README", "CONTRIBUTING", "SECURITY"];

/// The pages at the root and all that is in `docs/`.
fn pages(root: &Path) -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|e| e == "md");
    let at_root = |name: &str| AT_ROOT.iter().any(|page| name.starts_with(page));
    let mut found: Vec<PathBuf> = entries(root)
        .filter(|path| path.file_name().is_some_and(|name| at_root(&name.to_string_lossy())))
        .filter(is_page)
        .collect();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if is_page(&path) {
                found.push(path);
            }
        }
    }
    found
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path())
}

/// The lines of a page with their numbers, without code: neither fenced nor indented blocks.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            lines.push((at + 1, line));
        }
    }
    lines
}

/// The line without what stands in backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where a page's links lead, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for rest in without_code(line).split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors that GitHub gives a page's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut found = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        let Some(title) = title.strip_prefix(' ').filter(|_| line.starts_with('#')) else { continue };
        // Of a link its text counts.
        let title: String = title.split('[').map(|part| part.split("](").next().unwrap_or("")).collect();
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let before = taken.entry(anchor.clone()).or_default();
        found.push(if *before == 0 { anchor } else { format!("{anchor}-{before}") });
        *before += 1;
    }
    found
}

/// The links of `page` that lead nowhere.
fn broken(page: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').map_or((target.as_str(), None), |(path, a)| (path, Some(a)));
        let to = if path.is_empty() { page.to_owned() } else { page.with_file_name("").join(path) };
        let leads = match anchor {
            None => to.exists(),
            Some(anchor) => std::fs::read_to_string(&to).is_ok_and(|text| anchors(&text).iter().any(|a| a == anchor)),
        };
        if !leads {
            found.push(format!("{}:{line}: {target} leads nowhere", page.display()));
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_readme_stays_short() {
    let bytes = std::fs::read(root().join("README.md")).unwrap().len();
    assert!(bytes <= README_BYTES, "README.md has {bytes} bytes; more than {README_BYTES} belong into docs/");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages(root());
    assert!(pages.len() > 12, "only {} pages found", pages.len());
    for name in AT_ROOT {
        assert!(pages.contains(&root().join(name).with_extension("md")), "no {name}.md at the root");
    }
    let found: Vec<String> =
        pages.iter().flat_map(|page| broken(page, &std::fs::read_to_string(page).unwrap())).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# A `b` [c](d.md)\n\n[x](y.md) `[no](z.md)` and [z](#e-f)\n\n    [no](n.md)\n\n```\n# no\n```\n\
                ## E, f!\n## E f\n## 喧喧 (x)";
    let links = links(text);
    assert_eq!(links, [(1, "d.md".into()), (3, "y.md".into()), (3, "#e-f".into())]);
    assert_eq!(anchors(text), ["a-b-c", "e-f", "e-f-1", "喧喧-x"]);
    let page = root().join("README.md");
    let nowhere = broken(&page, "[a](no-such-page.md) [b](#no-such-heading) [c](README.md) [d](https://example.org/)");
    assert_eq!(nowhere.len(), 2, "{nowhere:?}");
}
