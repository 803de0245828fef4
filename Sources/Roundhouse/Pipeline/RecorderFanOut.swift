internal import Inference

/// Gives each record to several recorders.
struct RecorderFanOut: RequestRecorder {
    let recorders: [any RequestRecorder]

    func record(_ record: RequestRecord) {
        for recorder in self.recorders { recorder.record(record) }
    }
}
