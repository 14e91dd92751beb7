//! Links in the documentation: what they point to is there, and a name in backticks stands in the file that its link names.

use std::path::{Path, PathBuf};

use crate::workspace;

struct Link<'a> {
    text: &'a str,
    target: &'a str,
}

pub fn broken(root: &Path) -> Vec<String> {
    pages(root).iter().flat_map(|page| broken_in(page)).collect()
}

fn pages(root: &Path) -> Vec<PathBuf> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root.join(name));
    top.into_iter().chain(workspace::files(&root.join("docs"), ".md")).collect()
}

fn broken_in(page: &Path) -> Vec<String> {
    let text = workspace::read(page);
    let folder = page.parent().expect("a page lies in a folder");
    let wrong = |link: Link<'_>| {
        let path = folder.join(link.target.split('#').next().unwrap_or_default());
        let name = link.text.strip_prefix('`').and_then(|name| name.strip_suffix('`'));
        match name {
            _ if !path.exists() => Some(format!("{}: links to {}, which is not there", page.display(), link.target)),
            Some(name) if path.is_file() && !workspace::read(&path).contains(name) => {
                Some(format!("{}: links to `{name}` in {}, which does not have that name", page.display(), link.target))
            }
            _ => None,
        }
    };
    links(&text).into_iter().filter(|link| !link.target.contains("://") && !link.target.starts_with('#')).filter_map(wrong).collect()
}

/// `[text](target)`, wherever it stands.
fn links(text: &str) -> Vec<Link<'_>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("](") {
        let Some(begin) = text[..at].rfind('[') else { continue };
        let Some(end) = text[at..].find(')') else { continue };
        found.push(Link { text: &text[begin + 1..at], target: &text[at + 2..at + end] });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_with_their_text() {
        let found = links("see [`decide`](../a.rs) and\n[a page](b.md#part).");
        let seen: Vec<_> = found.iter().map(|link| (link.text, link.target)).collect();
        assert_eq!(seen, [("`decide`", "../a.rs"), ("a page", "b.md#part")]);
    }
}
