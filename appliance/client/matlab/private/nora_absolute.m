function path = nora_absolute(path)
%nora_absolute  Give an absolute path.
  if isempty(path) || path(1) ~= '/'
    path = fullfile(pwd(), path);
  end
end
