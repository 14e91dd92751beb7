//! The refusal page: what happened, why, what to do, and a reference, for what may not be redirected anywhere (OA-01, OA-02).

use askama::Template;
use chancery_core::RefusalPage;

use crate::peer_text::{Paragraph, line, paragraphs};

#[derive(Template)]
#[template(path = "refusal.html")]
pub(crate) struct Refusal<'a> {
    title: String,
    text: Vec<Paragraph>,
    remedy: Vec<Paragraph>,
    row: &'a str,
    reference: &'a str,
}

impl<'a> Refusal<'a> {
    pub(crate) fn of(page: &'a RefusalPage) -> Self {
        Self {
            title: line(&page.title, 200),
            text: paragraphs(&page.text),
            remedy: paragraphs(&page.remedy),
            row: page.row,
            reference: &page.reference,
        }
    }
}
