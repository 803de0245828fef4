/// What control groups leave us of main memory, in bytes.
///
/// A limit of any group from ours up to the root binds us, and what our neighbours in that group take is missing. Page
/// cache that was not used lately (`inactive_file`) counts as free: the kernel drops it before it refuses memory.
struct CgroupMemory: Sendable, Hashable {
    /// The smallest limit on the way up.
    var limitBytes: Int64
    /// The least that a group on the way up has left.
    var freeBytes: Int64

    /// - Returns: `nil` when no group has a limit.
    static func read(_ files: SystemFiles) -> CgroupMemory? {
        let groups = Self.groups(files)
        let levels = groups.flatMap { group in
            group.paths.compactMap { Self.level($0, group.version, files) }
        }
        guard let limit = levels.map(\.limitBytes).min(), let free = levels.map(\.freeBytes).min() else { return nil }
        return CgroupMemory(limitBytes: limit, freeBytes: free)
    }

    private enum Version {
        case v1, v2
    }

    /// One group's own limit.
    private static func level(_ path: String, _ version: Version, _ files: SystemFiles) -> CgroupMemory? {
        let limits: [String]
        let usage: String
        let reclaimable: String
        switch version {
        case .v2:
            // Beyond `high` a group is throttled until it is of no use.
            limits = ["memory.max", "memory.high"]
            usage = "memory.current"
            reclaimable = "inactive_file"
        case .v1:
            limits = ["memory.limit_in_bytes"]
            usage = "memory.usage_in_bytes"
            reclaimable = "total_inactive_file"
        }
        guard let limit = limits.compactMap({ files.number("\(path)/\($0)") }).min() else { return nil }
        let used = files.number("\(path)/\(usage)") ?? 0
        let cache = files.text("\(path)/memory.stat").flatMap { Self.figure(reclaimable, in: $0) } ?? 0
        return CgroupMemory(limitBytes: limit, freeBytes: max(0, limit - max(0, used - cache)))
    }

    /// A line such as `inactive_file 4096`.
    private static func figure(_ name: String, in text: String) -> Int64? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == name { return Int64(words[1]) }
        }
        return nil
    }

    // MARK: - Where our groups are

    private struct Group {
        var version: Version
        /// Ours first, then its parents, up to where the hierarchy is mounted.
        var paths: [String]
    }

    /// A hierarchy that is mounted: `root` of it is seen at `path`.
    private struct Mount {
        var version: Version
        var root: String
        var path: String
    }

    private static func groups(_ files: SystemFiles) -> [Group] {
        let mounts = Self.mounts(files.text("/proc/self/mountinfo") ?? "")
        var groups: [Group] = []
        for line in (files.text("/proc/self/cgroup") ?? "").split(separator: "\n") {
            // `0::/user.slice` for version 2, `4:memory:/docker/abc` for version 1.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let version: Version
            if fields[0] == "0", fields[1].isEmpty {
                version = .v2
            } else if fields[1].split(separator: ",").contains("memory") {
                version = .v1
            } else {
                continue
            }
            guard let mount = mounts.first(where: { $0.version == version }) else { continue }
            groups.append(Group(version: version, paths: Self.paths(of: String(fields[2]), in: mount)))
        }
        return groups
    }

    /// The directories of a group and its parents.
    private static func paths(of group: String, in mount: Mount) -> [String] {
        // A container often sees only its own group, mounted as if it were the root, under its full name.
        var inside = group[...]
        if mount.root != "/" {
            inside = group == mount.root || group.hasPrefix(mount.root + "/") ? group.dropFirst(mount.root.count) : ""
        }
        var names = inside.split(separator: "/")
        // A process that was moved out of what its container sees: `/../other`. Only the mount point is known then.
        if names.contains("..") { names = [] }
        return (0...names.count).reversed().map { count in
            ([mount.path] + names.prefix(count).map(String.init)).joined(separator: "/")
        }
    }

    /// - Parameter mountinfo: `36 35 0:31 /root /mount/point rw - cgroup2 source rw,memory`: proc_pid_mountinfo(5).
    private static func mounts(_ mountinfo: String) -> [Mount] {
        let listed: [Mount] = mountinfo.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), dash >= 6, words.count >= dash + 4 else { return nil }
            let (root, path) = (String(words[3]), String(words[4]))
            switch words[dash + 1] {
            case "cgroup2": return Mount(version: .v2, root: root, path: path)
            case "cgroup" where words[dash + 3].split(separator: ",").contains("memory"):
                return Mount(version: .v1, root: root, path: path)
            default: return nil
            }
        }
        guard listed.isEmpty else { return listed }
        // A masked /proc: the usual places.
        return [
            Mount(version: .v2, root: "/", path: "/sys/fs/cgroup"),
            Mount(version: .v1, root: "/", path: "/sys/fs/cgroup/memory"),
        ]
    }
}
