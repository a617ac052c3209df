use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct RedisProcess {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl RedisProcess {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(port, &dir);
        Self { child, port, dir }
    }
    fn spawn(port: u16, dir: &tempfile::TempDir) -> Child {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            #[allow(clippy::disallowed_methods)]
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
    pub(crate) async fn run_id(&self) -> String {
        let mut c =
            redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let info: String = redis::cmd("INFO").arg("server").query_async(&mut c).await.unwrap();
        info.lines().find_map(|l| l.strip_prefix("run_id:")).unwrap().to_owned()
    }
    fn signal(&self, name: &str) {
        Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap();
    }
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }
    pub(crate) async fn save(&self) {
        let mut c =
            redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let () = redis::cmd("SAVE").query_async(&mut c).await.unwrap();
    }
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(self.port, &self.dir);
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
