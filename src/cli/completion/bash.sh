# Completes command lines of PROGRAM in bash.
_PROGRAM() {
    local line=${COMP_LINE:0:COMP_POINT} word=$2 full cut candidate about
    # bash takes words apart at = and :, and replaces what stands behind the last of them.
    [[ $word == [=:] ]] && word=
    full=${line##*[[:space:]]}
    cut=${full%"$word"}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate about; do
        if [[ $candidate == :files ]]; then
            local at=
            [[ $word == @* ]] && at=@
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -P "$at" -- "${word#"$at"}")
            compopt -o filenames 2>/dev/null
        else
            COMPREPLY+=("${candidate#"$cut"}")
        fi
    done < <("$1" __complete -line "$line" 2>/dev/null)
    # What ends so goes on.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _PROGRAM PROGRAM
