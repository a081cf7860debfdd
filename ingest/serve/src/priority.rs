//! How soon a thread runs when others want the processors too.
//!
//! A client waits for whoever answers it, nobody for the tables: threads that
//! answer run the moment they have something to do, threads that work things
//! off take what is left. Without this, each of the four changes of threads
//! behind an acknowledgement may wait out the time slice (3 to 4 ms) of a
//! thread that folds a batch.

/// Kinds of threads, by who waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// A client waits: short time slices, so that the thread runs at once.
    Prompt,
    /// As every thread of the system.
    Usual,
    /// Nobody waits: a lower share of a busy processor (nice 10 above the process).
    Patient,
}

impl Priority {
    /// Gives the calling thread, and those it starts from now on, this priority.
    /// Where the system knows no such thing, nothing changes.
    pub fn apply(self) {
        #[cfg(target_os = "linux")]
        linux::apply(self);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Priority;
    use std::sync::OnceLock;

    /// The shortest slice Linux grants. Since 6.12 a thread with a shorter
    /// slice interrupts one with a longer; before, the field means nothing.
    const PROMPT_SLICE_NS: u64 = 100_000;
    /// Added to the nice value of a patient thread.
    const PATIENT_NICE: i32 = 10;
    const NICE_MAX: i32 = 19;

    /// Bytes of a [`SchedAttr`], which its first member repeats.
    const SIZE: u32 = 48;
    const _: () = assert!(size_of::<SchedAttr>() == SIZE as usize);

    /// `struct sched_attr`, first published version: sched_setattr(2).
    #[repr(C)]
    #[derive(Default)]
    struct SchedAttr {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    /// The nice value the process began with, given that of the first thread
    /// that asks: a patient thread's children are not to be nicer still.
    fn nice_of_process(of_thread: i32) -> i32 {
        static NICE: OnceLock<i32> = OnceLock::new();
        *NICE.get_or_init(|| of_thread)
    }

    #[allow(unsafe_code, reason = "the two system calls have no safe wrapper; both only read or fill `attributes`")]
    pub(super) fn apply(priority: Priority) {
        let mut attributes = SchedAttr::default();
        // SAFETY: the pointer is to a live SchedAttr of SIZE bytes, and 0 names the calling thread.
        let known = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) };
        if known != 0 {
            return;
        }
        let nice = nice_of_process(attributes.nice);
        attributes.size = SIZE;
        match priority {
            Priority::Prompt => attributes.runtime = PROMPT_SLICE_NS,
            Priority::Usual => attributes.runtime = 0,
            Priority::Patient => {
                attributes.runtime = 0;
                attributes.nice = (nice + PATIENT_NICE).min(NICE_MAX);
            }
        }
        // SAFETY: as above; the kernel copies the structure. A refusal leaves everything as it was.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// The nice value of the calling thread: field 19 of its stat.
        fn nice() -> i32 {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let (_, fields) = stat.rsplit_once(')').unwrap();
            fields.split_whitespace().nth(16).unwrap().parse().unwrap()
        }

        #[test]
        fn a_patient_thread_and_its_children_are_nicer() {
            let before = nice();
            let (own, child) = std::thread::spawn(|| {
                Priority::Patient.apply();
                let child = std::thread::spawn(|| {
                    Priority::Patient.apply();
                    nice()
                });
                (nice(), child.join().unwrap())
            })
            .join()
            .unwrap();
            assert_eq!((own, child), ((before + PATIENT_NICE).min(NICE_MAX), own));
            Priority::Prompt.apply();
            assert_eq!(nice(), before);
        }
    }
}
