//! The commands: one file for each noun. Owns which request each one sends and how it ends; must not know how answers
//! look.

mod agent;
mod deletion;
mod event;
mod patience;
mod relay;
mod store;
mod track;
mod wait;

use crate::args::{Cli, Command, DeletionCommand, EventsCommand, StoreCommand};
use crate::connect::Controller;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::out::Out;
use crate::paths::Paths;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, out: &mut Out) -> Result<Exit, Failure> {
    let mut command = cli.command;
    if let Command::Deletion(DeletionCommand::Track(args)) = &mut command {
        // Before the controller is asked for anything: a list that does not fit needs no connection.
        args.paths = Paths::gather(std::mem::take(&mut args.paths), args.paths_from.as_deref())?;
    }
    let controller = &Controller::reach(&cli.globals.controller, cli.globals.connect_timeout).await?;
    match command {
        Command::Stores(args) if args.watch => store::watch(controller, out).await,
        Command::Stores(_) => store::list(controller, out).await,
        Command::Store(StoreCommand::Show { store }) => store::show(controller, out, store).await,
        Command::Preflight(args) => store::preflight(controller, out, &args).await,
        Command::Probe { store } => store::probe(controller, out, store).await,
        Command::Agents => agent::list(controller, out).await,
        Command::Deletion(command) => deletion::run(controller, out, command).await,
        Command::Events(EventsCommand::Tail(args)) => event::tail(controller, out, &args).await,
    }
}
