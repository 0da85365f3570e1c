"""Today's dialect from the server's side: routes, bodies, frames and commands."""
