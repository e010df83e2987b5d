function name = DPX_getCurrentProject()
%DPX_getCurrentProject  Name of the project: the one chosen, or that of the job; '' without one.
  name = getenv('NORA_PROJECT');
  if isempty(name)
    name = getenv('DPXproject');
  end
end
