# Completes command lines of PROGRAM in fish.
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for candidate in ($program __complete -- $words "$current" 2>/dev/null)
        if test "$candidate" = :files
            __fish_complete_path "$current"
        else
            echo $candidate
        end
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
