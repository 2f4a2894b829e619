//! A connection of the load that does not wait, in the clear or by TLS.
use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

/// What a lane reads from and writes to.
#[derive(Debug)]
pub(super) struct Pipe {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Pipe {
    pub(super) fn new(socket: std::net::TcpStream, tls: Option<Box<ClientConnection>>) -> Self {
        Self {
            socket: TcpStream::from_std(socket),
            tls,
        }
    }

    /// What the poll watches.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        let mut count = 0;
        while count < buffer.len() {
            match tls.reader().read(&mut buffer[count..]) {
                Ok(0) => return Ok(count),
                Ok(more) => {
                    count += more;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            match tls.read_tls(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && count > 0 => break,
                Err(error) => return Err(error),
                Ok(_) => {}
            }
            let taken_in = tls.process_new_packets();
            taken_in.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
        Ok(count)
    }
}

impl Write for Pipe {
    /// Takes nothing as long as the socket has not taken what was before.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.write(bytes);
        };
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        let count = tls.writer().write(bytes)?;
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                written => drop(written?),
            }
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
