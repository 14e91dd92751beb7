//! Answers: by flags, or, where somebody sits at a terminal, by asking.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::exit::{Exit, Failure};

/// Whether anybody can be asked.
pub fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// What the flag says, or else what whoever sits there says; an empty line means `usual`.
///
/// # Errors
/// [`Exit::Usage`] where nobody can be asked and there is nothing usual.
pub fn answer(given: Option<&str>, question: &str, flag: &str, usual: Option<&str>) -> Result<String, Failure> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    if !somebody_is_there() {
        return usual.map(str::to_owned).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{flag} is missing"))
                .because("nobody sits at a terminal who could be asked")
                .remedy(format!("give it on the command line: {flag} …"))
        });
    }
    loop {
        let said = ask(question, usual)?;
        match (said.is_empty(), usual) {
            (true, Some(usual)) => return Ok(usual.to_owned()),
            (true, None) => {}
            (false, _) => return Ok(said),
        }
    }
}

/// One line from the terminal, which does not show it.
///
/// # Errors
/// When it ends, or the terminal cannot be told.
pub fn ask_hidden(question: &str) -> Result<String, Failure> {
    let said = rpassword::prompt_password(format!("{question}: "));
    said.map(|line| line.trim().to_owned()).map_err(|error| Failure::new(Exit::Usage, "no answer came").because(error))
}

/// One line from the terminal.
///
/// # Errors
/// When it ends.
pub fn ask(question: &str, usual: Option<&str>) -> Result<String, Failure> {
    let mut out = io::stdout().lock();
    let usual = usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
    let _ = write!(out, "{question}{usual}: ").and_then(|()| out.flush());
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(1..) => Ok(line.trim().to_owned()),
        _ => Err(Failure::new(Exit::Usage, "no answer came").because("standard input is closed")),
    }
}
