//! What to run, from what the registry says.

use std::path::Path;

use chancery_outbound::Order;
use chancery_registry::Resource;

pub fn of(resource: &Resource) -> Option<Order<'_>> {
    let upstream = resource.upstream.as_ref()?;
    let stdio = upstream.stdio.as_ref()?;
    Some(Order {
        command: &stdio.command,
        args: &stdio.args,
        folder: stdio.folder.as_deref().map(Path::new),
        settings: stdio.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        secrets: upstream.secrets.env().iter().map(|(name, secret)| (name.as_str(), secret)).collect(),
        name: resource.url.to_string(),
    })
}
