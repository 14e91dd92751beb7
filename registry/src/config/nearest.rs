//! Which known word somebody meant.

/// The word of `known` that is nearest to `written`, if it is near enough to be meant: a third of its letters may be wrong.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = |word: &&str| distance(written, word) <= word.len().max(3) / 3;
    known.iter().copied().filter(near).min_by_key(|word| distance(written, word))
}

/// How many letters must be added, left out, changed, or changed places with their neighbours (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for down in 0..=one.len() {
        for right in 0..=other.len() {
            table[down][right] = match (down, right) {
                (0, steps) | (steps, 0) => steps,
                _ => {
                    let changed = table[down - 1][right - 1] + usize::from(one[down - 1] != other[right - 1]);
                    changed.min(table[down - 1][right] + 1).min(table[down][right - 1] + 1)
                }
            };
            if down > 1 && right > 1 && one[down - 1] == other[right - 2] && one[down - 2] == other[right - 1] {
                table[down][right] = table[down][right].min(table[down - 2][right - 2] + 1);
            }
        }
    }
    table[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_if_it_is_near() {
        let known = ["issuer", "client_id", "client_secret", "scopes", "name"];
        for (written, meant) in [
            ("isuer", Some("issuer")),
            ("Issuer", Some("issuer")),
            ("clientid", Some("client_id")),
            ("client-secret", Some("client_secret")),
            ("scope", Some("scopes")),
            ("nmae", Some("name")),
            ("url", None),
            ("acme", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &known), meant, "{written}");
        }
    }
}
