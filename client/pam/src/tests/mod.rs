//! Every login as a script: what the module must do, step by step, and what it is answered.

mod code;
mod enrollment;
mod joint;
mod script;
mod table;
