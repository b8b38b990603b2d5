//! A symbol file that is cut short while it is mapped: the run ends, and says why.
//!
//! Symbol files are hundreds of megabytes, of which few pages are needed, so they are mapped. When
//! one shrinks meanwhile (a build writes it anew), the system answers a read behind its new end
//! with SIGBUS. Reading on with zeros in place of the lost bytes could name a frame wrongly, so
//! nothing is named any more.

/// Says so in place of dying without a word. Exits with code 1.
#[cfg(unix)]
pub(crate) fn watch() {
    let handler: extern "C" fn(libc::c_int) = stop;
    #[expect(
        unsafe_code,
        reason = "a signal can only be handled by the system's own means; the handler calls nothing but write and _exit"
    )]
    // SAFETY: the struct is plain data for which zeros are valid, and is filled before it is used.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        // The main stack may be what has run out.
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

/// Elsewhere a mapped file cannot be cut short.
#[cfg(not(unix))]
pub(crate) fn watch() {}

#[cfg(unix)]
const LAST_WORDS: &[u8] =
    b"kstack: a symbol file was cut short while it was read, so the answer is \
not complete; run it again when nothing writes to the symbol files\n";

#[cfg(unix)]
extern "C" fn stop(_signal: libc::c_int) {
    #[expect(
        unsafe_code,
        reason = "both calls may be made in a signal handler, which nothing of the standard library may"
    )]
    // SAFETY: the bytes are static, and neither call returns to code that was interrupted.
    unsafe {
        libc::write(
            libc::STDERR_FILENO,
            LAST_WORDS.as_ptr().cast(),
            LAST_WORDS.len(),
        );
        libc::_exit(1);
    }
}
