//! A process takes over from another: nobody in netcat notices, nobody is refused, and where it
//! comes to nothing the first goes on.
mod faults;
mod figures;
mod goes_on;
mod impostor;
mod people;
mod site;
